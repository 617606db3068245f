rule read:
    # The raw export becomes canonical tables of text, unless something in it could identify a person.
    input:
        records=RAW,
        dictionary=[STUDY.export.dictionary] if STUDY.export.dictionary else [],
        code=code("read"),
    output:
        **tables("read", [*TABLES, *ACCOUNT]),
    log:
        "logs/{study}/read.log",
    benchmark:
        "logs/{study}/read.benchmark"
    threads: workflow.cores
    params:
        study=section(STUDY, "export", "patients", "visits", "instruments", "events", "privacy"),
    script:
        "../scripts/read.py"
