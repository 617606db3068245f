rule read:
    # The raw export becomes canonical tables of text, unless something in it could identify a person.
    input:
        code=code("read"),
    output:
        **tables("read", [*TABLES, *ACCOUNT]),
    log:
        "logs/{study}/read.log",
    benchmark:
        "logs/{study}/read.benchmark"
    threads: workflow.cores
    params:
        raw=raw_path,
        content=raw_content,
        study=section(STUDY, "export", "patients", "visits", "instruments", "events", "privacy"),
    script:
        "../scripts/read.py"
