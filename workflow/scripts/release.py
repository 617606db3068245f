from needling.plan import adjust
from needling.release.line import release
from needling.schema.stored import read_tables, write_table
from needling.stage import stage
from needling.study.file import part

with stage(snakemake.log[0]):
    study, shown = part(snakemake.params.study), snakemake.output
    tables = {name: read_tables(paths) for name, paths in snakemake.input.items() if name != "code"}
    released = release(tables | {"results": adjust(tables["results"], study)}, study)
    for name in released.keys() & shown.keys():
        write_table(released[name], shown[name])
    for analysis, path in zip(study.analyses, shown.files, strict=True):
        write_table(released["results"][released["results"]["analysis"] == analysis], path)
