from needling.labels.words import Labels
from needling.privacy.patterns import PATTERNS
from needling.schema.stored import read_table
from needling.stage import stage
from needling.study.file import part
from needling.submission.build import build_submission
from needling.submission.journals import journal
from needling.submission.provenance import handed_on, provenance

with stage(snakemake.log[0]):
    given, asked, folder = snakemake.input, snakemake.params, snakemake.output[0]
    told = provenance(asked.study["study"], asked.journal, asked.inputs, dict(given.items()))
    texts = {"plan.yaml": asked.plan, **handed_on({"ard.csv": given.ard})}
    released = {name: read_table(path) for name, path in given.items() if str(path).endswith(".parquet")}
    build_submission(Labels(part(asked.study)), released, journal(asked.journal), folder, told, texts, PATTERNS)
