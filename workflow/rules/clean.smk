rule clean:
    # Text becomes typed, re-keyed tables; every change has an audit row and every row is kept or quarantined.
    input:
        **tables("read", [*TABLES, *ACCOUNT]),
        code=ancient(code("clean")),
    output:
        **tables("clean", [*TABLES, "audit", "quarantine", "totals"]),
        key=f"{PROCESSED}/clean/key.json",
    log:
        f"{LOGS}/clean.log",
    benchmark:
        f"{LOGS}/clean.benchmark"
    resources:
        mem_mb=memory(400),
    params:
        corrections=corrections_content,
        key=key_of_people,
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
        registry=entries(STUDY.instruments),
        code=digest(*code("clean")),
    script:
        "../scripts/clean.py"


rule assemble:
    # Items become scores, scores and sessions become the frames that models read; and what was observed is described.
    input:
        **tables("clean", [*TABLES, "quarantine"]),
        exported=f"{PROCESSED}/read/patients.parquet",
        sources=f"{PROCESSED}/read/sources.parquet",
        code=ancient(code("assemble")),
    output:
        **tables("frames", FRAMES),
        **tables("observed", OBSERVED),
    log:
        f"{LOGS}/assemble.log",
    benchmark:
        f"{LOGS}/assemble.benchmark"
    resources:
        mem_mb=memory(600),
    params:
        study=section(STUDY, "patients", "visits", "instruments", "events", "covariates", "intercurrent_events", "cohorts"),
        registry=entries(STUDY.instruments),
        code=digest(*code("assemble")),
    script:
        "../scripts/assemble.py"


rule audit:
    # What was done to the data, for the data manager; and what every processed column holds.
    input:
        **tables("clean", [*TABLES, "audit"]),
        sources=f"{PROCESSED}/read/sources.parquet",
        scores=f"{PROCESSED}/frames/scores.parquet",
        frame=f"{PROCESSED}/frames/visits.parquet",
        code=ancient(code("audit")),
    output:
        workbook=f"{REPORTS}/audit/audit.xlsx",
        codebook=f"{REPORTS}/audit/codebook.xlsx",
        page=f"{REPORTS}/audit/codebook.html",
    log:
        f"{LOGS}/audit.log",
    benchmark:
        f"{LOGS}/audit.benchmark"
    resources:
        mem_mb=memory(400),
    params:
        study=section(STUDY, "title", "made_up", "patients", "visits", "instruments", "events", "disclosure", words=True),
        registry=entries(STUDY.instruments),
        code=digest(*code("audit")),
    script:
        "../scripts/audit.py"


rule share:
    # A row-level file that the study file marks for sharing, with the report of its anonymity; refused below the threshold.
    input:
        **tables("clean", ["patients"]),
        frame=f"{PROCESSED}/frames/visits.parquet",
        code=ancient(code("share")),
    output:
        file=f"{REPORTS}/shared/{{file}}.csv",
        anonymity=f"{REPORTS}/shared/{{file}}_anonymity.csv",
    log:
        f"{LOGS}/share_{{file}}.log",
    benchmark:
        f"{LOGS}/share_{{file}}.benchmark"
    wildcard_constraints:
        file="|".join(STUDY.disclosure.share) or "none",
    resources:
        mem_mb=memory(300),
    params:
        study=section(STUDY, "patients", "visits", "cohorts", "disclosure"),
        code=digest(*code("share")),
    script:
        "../scripts/share.py"
