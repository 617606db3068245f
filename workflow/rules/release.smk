# What may be shown: the tables of every study, and the side tables of its analyses.
SIDE_TABLES = sorted({name for side in SIDE.values() for name in side})
RELEASED = ["results", "methods", "people", "cleaning", "totals", "withheld", *OBSERVED, *SIDE_TABLES]


rule release:
    # The release line: P adjusted within families, then disclosure control, once. All that is shown comes from here.
    input:
        **tables("observed", OBSERVED),
        **tables("clean", ["audit", "totals"]),
        analyses=[path for analysis in STUDY.analyses for path in analysis_tables(analysis).values()],
        code=ancient(code("release")),
    output:
        **tables("release", RELEASED),
        files=[f"{REPORTS}/results/{analysis}.csv" for analysis in STUDY.analyses],
        ard=f"{REPORTS}/results/ard.csv",
    log:
        f"{LOGS}/release.log",
    benchmark:
        f"{LOGS}/release.benchmark"
    params:
        study=section(STUDY, "design", "made_up", "patients", "visits", "primary", "analyses", "families", "disclosure"),
        once=[*OBSERVED, "audit", "totals"],
        joined=["results", "methods", "people", *SIDE_TABLES],
        shown=RELEASED,
        code=digest(*code("release")),
    script:
        "../scripts/release.py"
