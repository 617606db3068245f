rule report:
    # The report as a page, a PDF and a document from one source; every number in it comes from a results table.
    input:
        **{name: f"{PROCESSED}/{name}.parquet" for name in ["flow", "distribution", "missingness", "baseline", "reliability"]},
        **tables("clean", ["audit", "totals"]),
        results=f"{PROCESSED}/results.parquet",
        cross_check=expand(f"{PROCESSED}/analyses/{{analysis}}/cross_check.parquet", analysis=STUDY.analyses, allow_missing=True),
        figures=expand(f"{REPORTS}/figures/{{figure}}.{{ending}}", figure=FIGURES, ending=["png", "svg", "pdf"], allow_missing=True),
        words=expand(f"{PROCESSED}/figures/{{figure}}.json", figure=FIGURES, allow_missing=True),
        templates=sorted(str(path) for path in Path("workflow/report").rglob("*") if path.is_file()),
        lock="requirements.lock",
        code=code("report"),
    output:
        **{ending: f"{REPORTS}/report.{ending}" for ending in ["html", "pdf", "docx"]},
        tables=f"{REPORTS}/tables/primary.csv",  # and each other table that the study has, beside it
    log:
        "logs/{study}/report.log",
    benchmark:
        "logs/{study}/report.benchmark"
    params:
        study=PLAN,
    script:
        "../scripts/report.py"
