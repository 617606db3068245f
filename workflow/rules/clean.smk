rule clean:
    # Text becomes typed, re-keyed tables; every change has an audit row and every row is kept or quarantined.
    input:
        **tables("read", [*TABLES, *ACCOUNT]),
        code=code("clean"),
    output:
        **tables("clean", [*TABLES, "audit", "quarantine", "totals"]),
    log:
        "logs/{study}/clean.log",
    benchmark:
        "logs/{study}/clean.benchmark"
    params:
        corrections=corrections_content,
        study=section(
            STUDY,
            "study",
            "design",
            "made_up",
            "seed",
            "export",
            "patients",
            "visits",
            "instruments",
            "events",
            "cohorts",
            "cleaning",
        ),
    script:
        "../scripts/clean.py"


rule score:
    # Items become scores by each instrument's own rules.
    input:
        **tables("clean", ["outcomes", "visits"]),
        code=code("score"),
    output:
        scores=f"{PROCESSED}/scores.parquet",
        reliability=f"{PROCESSED}/reliability.parquet",
    log:
        "logs/{study}/score.log",
    benchmark:
        "logs/{study}/score.benchmark"
    params:
        study=section(STUDY, "instruments", "visits"),
    script:
        "../scripts/score.py"


rule assemble:
    # One row per patient, visit and outcome; and how many people stand at each stage.
    input:
        **tables("clean", ["patients", "visits", "quarantine", *[name for name in EVENTS if name == "sessions"]]),
        exported=f"{PROCESSED}/read/patients.parquet",
        scores=f"{PROCESSED}/scores.parquet",
        code=code("assemble"),
    output:
        frame=f"{PROCESSED}/frame.parquet",
        flow=f"{PROCESSED}/flow.parquet",
    log:
        "logs/{study}/assemble.log",
    benchmark:
        "logs/{study}/assemble.benchmark"
    params:
        study=section(STUDY, "patients", "visits", "instruments", "cohorts", "analyses", "primary"),
    script:
        "../scripts/assemble.py"


rule audit:
    # What was done to the data, for the data manager; and what every processed column holds.
    input:
        **tables("clean", [*TABLES, "audit"]),
        sources=f"{PROCESSED}/read/sources.parquet",
        frame=f"{PROCESSED}/frame.parquet",
        code=code("audit"),
    output:
        workbook=f"{REPORTS}/audit/audit.xlsx",
        codebook=f"{REPORTS}/audit/codebook.xlsx",
        page=f"{REPORTS}/audit/codebook.html",
    log:
        "logs/{study}/audit.log",
    benchmark:
        "logs/{study}/audit.benchmark"
    params:
        study=section(STUDY, "title", "made_up", "patients", "visits", "instruments", "events", "disclosure"),
    script:
        "../scripts/audit.py"


rule share:
    # A row-level file that the study file marks for sharing, with the report of its anonymity; refused below the threshold.
    input:
        **tables("clean", ["patients"]),
        frame=f"{PROCESSED}/frame.parquet",
        code=code("share"),
    output:
        file=f"{REPORTS}/shared/{{file}}.csv",
        anonymity=f"{REPORTS}/shared/{{file}}_anonymity.csv",
    log:
        "logs/{study}/share_{file}.log",
    benchmark:
        "logs/{study}/share_{file}.benchmark"
    params:
        study=section(STUDY, "patients", "visits", "cohorts", "disclosure"),
    script:
        "../scripts/share.py"
