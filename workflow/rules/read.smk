rule read:
    # The raw export becomes canonical tables of text, unless something in it could identify a person.
    input:
        records=outside(RAW),
        dictionary=outside(STUDY.export.dictionary),
        code=ancient(code("read")),
    output:
        **tables("read", [*TABLES, *ACCOUNT]),
    log:
        f"{LOGS}/read.log",
    benchmark:
        f"{LOGS}/read.benchmark"
    threads: workflow.cores
    params:
        study=section(STUDY, "export", "patients", "visits", "instruments", "events", "privacy"),
        files=digest(RAW, STUDY.export.dictionary),
        code=digest(*code("read")),
    script:
        "../scripts/read.py"
