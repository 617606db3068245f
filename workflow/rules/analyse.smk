rule analyse:
    # One analysis of the study file, every outcome in every cohort.
    input:
        frame=f"{PROCESSED}/frame.parquet",
        code=code("analyse"),
    output:
        results=f"{PROCESSED}/analyses/{{analysis}}/results.parquet",
        fitted=f"{PROCESSED}/analyses/{{analysis}}/fitted.parquet",
        quantiles=f"{PROCESSED}/analyses/{{analysis}}/quantiles.parquet",
        cross_check=f"{PROCESSED}/analyses/{{analysis}}/cross_check.parquet",
    log:
        "logs/{study}/analyse_{analysis}.log",
    benchmark:
        "logs/{study}/analyse_{analysis}.benchmark"
    params:
        study=section(STUDY, "patients", "visits", "cohorts", "analyses", "disclosure"),
    script:
        "../scripts/analyse.py"


rule adjust:
    # All results in one table, p values adjusted within their families.
    input:
        results=expand(f"{PROCESSED}/analyses/{{analysis}}/results.parquet", analysis=STUDY.analyses, allow_missing=True),
        flow=f"{PROCESSED}/flow.parquet",
        code=code("adjust"),
    output:
        results=f"{PROCESSED}/results.parquet",
        files=expand(f"{REPORTS}/results/{{analysis}}.csv", analysis=STUDY.analyses, allow_missing=True),
    log:
        "logs/{study}/adjust.log",
    benchmark:
        "logs/{study}/adjust.benchmark"
    params:
        study=section(STUDY, "visits", "analyses", "families", "disclosure"),
    script:
        "../scripts/adjust.py"


rule describe:
    # What was observed, before any model.
    input:
        frame=f"{PROCESSED}/frame.parquet",
        patients=f"{PROCESSED}/clean/patients.parquet",
        code=code("describe"),
    output:
        distribution=f"{PROCESSED}/distribution.parquet",
        missingness=f"{PROCESSED}/missingness.parquet",
        baseline=f"{PROCESSED}/baseline.parquet",
    log:
        "logs/{study}/describe.log",
    benchmark:
        "logs/{study}/describe.benchmark"
    params:
        study=section(STUDY, "patients", "visits", "instruments", "cohorts", "outcomes"),
    script:
        "../scripts/describe.py"
