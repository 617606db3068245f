import pandas as pd

from needling.analysis.multiplicity import adjust
from needling.privacy.release import release_results
from needling.schema import read_table, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study = part(snakemake.params.study)
    results = adjust(pd.concat([read_table(path) for path in snakemake.input.results]), study)
    write_table(results, snakemake.output.results)
    public = release_results(results, read_table(snakemake.input.flow), study.disclosure.min_cell)
    for analysis, path in zip(study.analyses, snakemake.output.files, strict=True):
        write_table(public[public["analysis"] == analysis], path)
