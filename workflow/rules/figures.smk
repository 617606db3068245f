# Which tables each figure is drawn from.
RESIDUALS = f"{PROCESSED}/analyses/{STUDY.primary}"
FIGURES = {
    "flow": {"flow": f"{PROCESSED}/flow.parquet"},
    "trajectories": {name: f"{PROCESSED}/{name}.parquet" for name in ["results", "distribution"]},
    "forest": {"results": f"{PROCESSED}/results.parquet"},
    "distributions": {"distribution": f"{PROCESSED}/distribution.parquet"},
    "missingness": {"missingness": f"{PROCESSED}/missingness.parquet"},
    "diagnostics": {name: f"{RESIDUALS}/{name}.parquet" for name in ["fitted", "quantiles"]},
}


def figure_tables(wildcards):
    """The tables of one figure, by name."""
    return {name: path.format(study=wildcards.study) for name, path in FIGURES[wildcards.figure].items()}


rule figure:
    # One figure as PDF, SVG and PNG, with the numbers it shows.
    input:
        unpack(figure_tables),
        code=code("figure"),
    output:
        multiext(f"{REPORTS}/figures/{{figure}}", ".pdf", ".svg", ".png", ".csv", ".json"),
    params:
        study=PLAN,
    log:
        "logs/{study}/figure_{figure}.log",
    benchmark:
        "logs/{study}/figure_{figure}.benchmark"
    script:
        "../scripts/figure.py"
