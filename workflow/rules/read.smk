rule read:
    # The raw export becomes canonical tables of text, unless something in it could identify a person.
    input:
        code=ancient(code("read")),
    output:
        **tables("read", [*TABLES, *ACCOUNT]),
    log:
        f"{LOGS}/read.log",
    benchmark:
        f"{LOGS}/read.benchmark"
    threads: 4
    resources:
        mem_mb=memory(600),
    params:
        raw=raw_path,
        content=raw_content,
        study=section(STUDY, "export", "patients", "visits", "instruments", "events", "privacy"),
        code=digest(*code("read")),
    script:
        "../scripts/read.py"
