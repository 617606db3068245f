"""The launcher ./run, on a workflow of three short steps: progress, failure, interruption, and what it says."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

WORKFLOW = """
from needling.plan import load_study

STUDY = load_study("config/demo.yaml")
PROCESSED, REPORTS = "data/processed/demo", "reports/demo"
RAW = RECORDS = DICTIONARY = CORRECTIONS = None

include: "workflow/rules/last_good.smk"

rule all:
    default_target: True
    input: "reports/demo/last.txt"

rule first:
    input: ancient("order.txt")
    output: "data/processed/demo/first.txt", "data/processed/demo/also.txt"
    params: lambda wildcards: open("order.txt").read(), config.get("turn", 0)
    log: "logs/demo/first.log"
    script: "workflow/scripts/step.py"

rule last:
    input: "data/processed/demo/first.txt"
    output: "reports/demo/last.txt"
    log: "logs/demo/last.log"
    script: "workflow/scripts/step.py"
"""

STEP = """
import time
from pathlib import Path
from needling.stage import stage
from needling.study.keys import StudyError
with stage(snakemake.log[0]):
    order = Path(snakemake.input[0]).read_text()
    Path(snakemake.output[0]).write_text(order)
    if order.startswith("sleep"):
        time.sleep(60)
    if order.startswith("bad"):
        raise StudyError("order.txt, row 1, column 1: the order is bad; write another.")
    if order.startswith("full"):
        raise OSError(28, "No space left on device", "x.parquet")
    if order.startswith("bug"):
        raise KeyError("nothing the person can mend")
    for path in snakemake.output[1:]:
        Path(path).write_text(order)
"""

# The second output of the first step is a folder, there already while the step sleeps.
WITH_FOLDER = WORKFLOW.replace('"data/processed/demo/also.txt"', 'directory("data/processed/demo/folder")')
STEP_WITH_FOLDER = STEP.replace(
    """.write_text(order)
    if""",
    """.write_text(order)
    for path in snakemake.output[1:]:
        Path(path).mkdir()
        Path(path, "inside.txt").write_text(order)
    if""",
    1,
).rpartition("    for path")[0]


@pytest.fixture
def steps(copy):
    """A copy of the project whose workflow is three short steps."""
    (copy.folder / "Snakefile").write_text(WORKFLOW)
    (copy.folder / "workflow/scripts/step.py").write_text(STEP)
    order(copy, "good")
    return copy


def order(copy, word):
    (copy.folder / "order.txt").write_text(word)


def made(copy):
    """What the steps have written, without the record of what a finished run was made from."""
    return {content for path, content in copy.outputs().items() if path.endswith(".txt")}


def start(copy, *arguments, **more):
    """Start the launcher as a terminal would: in a process group of its own that Ctrl-C can reach."""
    command = [sys.executable, "run", *arguments]
    return subprocess.Popen(
        command,
        cwd=copy.folder,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - the tests run in one thread
        **more,
    )


def hear_interrupts():
    """Undo that a shell starts its background jobs deaf to Ctrl-C, which their children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def until(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def holds(path, content):
    """Whether a file is there and says this; a run takes files away while one looks."""
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def test_steps_are_told_and_a_second_run_finds_nothing_to_do_whatever_the_home(steps):
    first = steps.run("all", HOME="/proc/nowhere")
    assert first.returncode == 0, first.stdout
    assert first.stdout.splitlines() == ["1 of 3 steps: first", "2 of 3 steps: last", "3 of 3 steps: all"]
    second = steps.run("all", HOME="")
    assert (second.returncode, second.stdout) == (0, "Nothing to do: everything is up to date.\n")


def test_failure_ends_in_one_sentence_and_leaves_the_last_good_outputs(steps):
    assert steps.run("all").returncode == 0
    good = steps.outputs()
    order(steps, "bad")
    for _ in range(2):  # outputs that were put back must not count as made, whatever was changed
        failed = steps.run("all", "--config", "turn=1")
        assert failed.returncode == 1
        assert failed.stdout == "needling: order.txt, row 1, column 1: the order is bad; write another.\n"
        assert steps.outputs() == good
    order(steps, "better")
    assert steps.run("all", "--config", "turn=1").returncode == 0
    assert made(steps) == {b"better"}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("full", r"the disk is full; free some space and run \./run again\."),
        ("bug", r"stopped on a fault of its own \(KeyError: .*\); logs/demo/first\.log says where\."),
    ],
)
def test_failure_that_is_not_the_input_is_told_too(steps, word, sentence):
    order(steps, word)
    failed = steps.run("all")
    assert failed.returncode == 1
    assert re.fullmatch(f"needling: {sentence}\n", failed.stdout)


def test_what_snakemake_says_is_not_lost_when_no_step_failed(steps):
    failed = steps.run("reports/demo/nothing.txt")
    assert failed.returncode == 1
    assert "reports/demo/nothing.txt" in failed.stdout


def test_interrupted_run_goes_on_where_it_stopped(steps):
    assert steps.run("all").returncode == 0
    good = steps.outputs()
    order(steps, "sleep")
    running = start(steps, "all", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: holds(steps.folder / "data/processed/demo/first.txt", b"sleep"))
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said == "Stopped; ./run goes on where it stopped.\n"
    assert steps.outputs() == good
    order(steps, "better")
    assert steps.run("all").returncode == 0
    assert made(steps) == {b"better"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_folder_of_a_run_that_was_ended_is_put_back_and_made_again(steps, how):
    (steps.folder / "Snakefile").write_text(WITH_FOLDER)
    (steps.folder / "workflow/scripts/step.py").write_text(STEP_WITH_FOLDER)
    assert steps.run("all").returncode == 0
    good = steps.outputs()
    order(steps, "sleep")
    running = start(steps, "all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: holds(steps.folder / "data/processed/demo/folder/inside.txt", b"sleep"))
    os.killpg(running.pid, how)
    running.wait()
    order(steps, "bad")
    for _ in range(2):
        failed = steps.run("all")
        assert failed.stdout == "needling: order.txt, row 1, column 1: the order is bad; write another.\n"
        assert steps.outputs() == good
    order(steps, "better")
    again = steps.run("all")
    assert again.returncode == 0, again.stdout
    assert made(steps) == {b"better"}


def test_killed_run_leaves_no_lock_behind(steps):
    order(steps, "sleep")
    running = start(steps, "all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((steps.folder / "data/processed/demo/first.txt").exists)
    second = steps.run("all")
    assert second.returncode == 1
    assert second.stdout == "needling: another ./run is at work in this folder; wait until it has ended.\n"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    order(steps, "good")
    again = steps.run("all")
    assert again.returncode == 0, again.stdout
    assert made(steps) == {b"good"}


def test_options_reach_snakemake(steps):
    dry = steps.run("-n")
    assert dry.returncode == 0
    assert "This was a dry-run" in dry.stdout
    assert steps.outputs() == {}
    wrong = steps.run("--no-such-option")
    assert wrong.returncode == 1
    assert "--no-such-option" in wrong.stdout


def terminal(copy, *arguments, **variables):
    """Run the launcher in a terminal of its own; return what that showed."""
    ours, theirs = pty.openpty()
    own = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **variables}
    running = start(copy, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=own)
    os.close(theirs)
    shown = b""
    while running.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
    os.close(ours)
    return running.wait(), shown.decode("utf-8", "replace")


def test_terminal_has_a_progress_display_and_the_sentence_last(steps):
    code, shown = terminal(steps, "all")
    assert code == 0
    assert "Workflow Progress" in shown
    assert re.search(r"\x1b\[[0-9;]*3\dm", shown), "colours on a terminal"
    order(steps, "bad")
    code, shown = terminal(steps, "all", NO_COLOR="1")
    assert code == 1
    assert not re.search(r"\x1b\[[0-9;]*3\dm", shown), "no colours where NO_COLOR is set"
    assert "Traceback" not in shown
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).strip().splitlines()[-1]
    assert last == "needling: order.txt, row 1, column 1: the order is bad; write another."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--study", "dmeo"], "there is no study 'dmeo'; known are: antidepressant, cdystonia, demo"),
        (["--config", "study=dmeo"], "there is no study 'dmeo'; known are: antidepressant, cdystonia, demo"),
        (["--cores", "many"], "--cores needs a number"),
        (["--cores", "0"], "--cores needs a number"),
        (["--raw", "no/such/file.csv"], "--raw: there is no file 'no/such/file.csv'"),
    ],
)
def test_wrong_words_end_in_one_sentence(steps, arguments, sentence):
    refused = steps.run(*arguments)
    assert refused.returncode == 1
    assert refused.stdout.startswith("needling: ")
    assert sentence in refused.stdout
    assert len(refused.stdout.splitlines()) == 1


def test_mistake_in_the_study_file_is_told_before_anything_starts(steps):
    path = steps.folder / "config/demo.yaml"
    path.write_text(path.read_text().replace("seed:", "sed:", 1))
    refused = steps.run()
    assert refused.returncode == 1
    assert "unknown key 'sed'" in refused.stdout
    assert "Traceback" not in refused.stdout


def test_missing_export_is_told(steps):
    (steps.folder / "data/raw/demo/records.csv").unlink()
    refused = steps.run()
    assert refused.returncode == 1
    assert re.fullmatch(r"needling: data/raw/demo/records.csv is missing; .*--raw PATH\.\n", refused.stdout)


# ---------------------------------------------------------------- which export is read, and when again

READ = "data/processed/demo/read/patients.parquet"
ODD = """ é"\\ #y: {study}'$x\u2028[*]\n-.csv"""


def reading(copy, *arguments):
    """Read the export, and nothing more; give the rules that ran."""
    done = copy.run(READ, *arguments)
    assert done.returncode == 0, done.stdout
    return re.findall(r"steps: (\w+)", done.stdout)


def test_export_is_read_whatever_its_name_and_again_when_its_content_changes_and_only_then(copy):
    own = copy.folder / "data/raw/demo/records.csv"
    assert reading(copy) == ["read"]
    os.utime(own)
    assert reading(copy) == [], "a new time stamp is no new content"
    lines = own.read_bytes().splitlines(keepends=True)
    (copy.folder / ODD[:5]).write_bytes(lines[0] + lines[1])  # a neighbour whose name the odd one begins with
    other = copy.folder / ODD
    other.write_bytes(own.read_bytes().replace(b"C01-", b"C91-"))
    os.utime(other, (0, 0))
    assert reading(copy, f"--raw={ODD}") == ["read"]
    assert pd.read_parquet(copy.folder / READ)["patient"].str.startswith("C91-").any()
    assert reading(copy, f"--raw={ODD}") == []
    assert reading(copy) == ["read"]
    own.write_bytes(other.read_bytes())
    os.utime(own, (0, 0))  # as cp -p or an unzip makes it
    assert reading(copy) == ["read"]
    assert pd.read_parquet(copy.folder / READ)["patient"].str.startswith("C91-").any()
    own.unlink()
    gone = copy.snakemake(READ)
    assert gone.returncode == 1, "outputs are there, but the export is not"
    assert "data/raw/demo/records.csv is missing" in gone.stdout


@pytest.mark.parametrize("word", ["--no-such-option", "--raw", "--cores=x", "--config=loose"])
def test_misspelt_command_line_is_one_sentence(steps, word):
    refused = steps.run(word)
    assert (refused.returncode, len(refused.stdout.splitlines())) == (1, 1)
    assert refused.stdout.startswith("needling: ")
    assert word.partition("=")[2] or word in refused.stdout


def test_misspelt_option_is_told_before_anything_is_installed(steps):
    (steps.folder / ".venv/requirements.lock.installed").unlink()
    for word, near in [
        ("--studdy", ", did you mean --study?"),
        ("--forcall", ", did you mean --forceall?"),
        ("-Z", ";"),
    ]:
        refused = steps.run(word, "demo")
        assert refused.stdout == f"needling: there is no option {word}{near} ./run --help says what there is.\n"


def test_options_of_snakemake_are_those_that_it_has(launcher, project):
    from snakemake.cli import get_argument_parser

    has = {name for action in get_argument_parser()._actions for name in action.option_strings}
    assert (project / launcher.OPTIONS).read_text().split() == sorted(has)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("MissingRuleException:\nNo rule to produce all2 (if you", "needling: there is no step and no output 'all2'."),
        (
            "PermissionError: [Errno 13] Permission denied: 'reports/x'",
            "needling: reports/x: not allowed to write here",
        ),
        ("Command 'x' died with <Signals.SIGKILL: 9>.", "needling: a step was ended by SIGKILL"),
    ],
)
def test_walls_of_text_become_a_sentence(launcher, said, sentence):
    (told,) = launcher.distilled(f"Traceback\n  x\n{said}\nmore\n")
    assert told.startswith(sentence)
    assert launcher.distilled("something else") == []


def test_output_that_nobody_reads_does_not_stop_the_work(steps):
    running = start(steps, "all", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    assert running.wait(60) == 0
    assert running.stderr.read() == ""
    assert made(steps) == {b"good"}


def test_through_a_link_the_same_installation_serves(steps, tmp_path):
    (tmp_path / "link").symlink_to(steps.folder / "run")
    (tmp_path / "folder").symlink_to(steps.folder)
    for way in ("link", "folder/run"):
        done = steps.call(sys.executable, tmp_path / way, "all")
        assert done.returncode == 0
        assert "Installing" not in done.stdout


def test_missing_export_is_told_before_anything_is_installed(steps):
    (steps.folder / "data/raw/demo/records.csv").unlink()
    (steps.folder / ".venv/requirements.lock.installed").unlink()
    refused = steps.run()
    assert refused.stdout.startswith("needling: data/raw/demo/records.csv is missing")
    assert len(refused.stdout.splitlines()) == 1


def test_interrupt_before_the_first_step_is_answered_alike(steps):
    python = steps.folder / ".venv/bin/python"
    python.unlink()
    python.write_text("#!/bin/sh\ntouch started\nsleep 60\n")
    python.chmod(0o755)
    running = start(steps, "all", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until((steps.folder / "started").exists)
    os.killpg(running.pid, signal.SIGINT)
    assert running.communicate(timeout=60)[0] == "Stopped; ./run goes on where it stopped.\n"
    assert running.returncode == 130


def test_interrupt_that_was_lost_is_followed_by_an_end(launcher, monkeypatch):
    """A child that is deaf to Ctrl-C ends all the same, and a run that ended well in spite of it is not called stopped."""
    monkeypatch.setattr(launcher, "WAIT", 0.5)
    monkeypatch.setattr(launcher, "environment", lambda: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    deaf = "import os, signal, time; signal.signal(2, signal.SIG_IGN); os.kill(os.getppid(), 2); time.sleep({})"
    try:
        for seconds, code in [(60, -signal.SIGTERM), (0, 0)]:
            alone = launcher.Alone()
            assert launcher.follow([sys.executable, "-c", deaf.format(seconds)], alone) == code
            assert alone.stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---------------------------------------------------------------- JupyterLab

LAB = """
import json, os, signal, sys, time
from pathlib import Path

Path("asked.json").write_text(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith("JUPYTER")}]))
if Path("broken").exists():
    sys.exit("no port is free")
runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
runtime.mkdir(parents=True, exist_ok=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(Path("ended").touch()))
(runtime / f"jpserver-{os.getpid()}.json").write_text(json.dumps({"url": "http://127.0.0.1:8888/", "token": "t0k3n"}))
time.sleep(60)
"""


@pytest.fixture
def lab(copy):
    """A copy of the project whose environment has a server that says what it was asked, in the place of JupyterLab."""
    site = next((copy.folder / ".venv/lib").glob("python*/site-packages"))
    (site / "jupyterlab.py").write_text(LAB)
    (site / "a_first.pth").write_text(f"import sys; sys.path.insert(0, {str(site)!r})\n")
    return copy


def test_notebooks_are_opened_with_a_token_until_ctrl_c(lab):
    run = start(
        lab, "notebook", stdout=subprocess.PIPE, env={**os.environ, "JUPYTER_TOKEN": "", "JUPYTER_IP": "0.0.0.0"}
    )
    said = [run.stdout.readline() for _ in range(2)]
    assert said == ["JupyterLab is at http://127.0.0.1:8888/lab/tree/notebooks?token=t0k3n\n", "Ctrl-C stops it.\n"]
    run.send_signal(signal.SIGINT)
    rest, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert rest == "JupyterLab has stopped; what was saved is in notebooks/.\n"
    assert (lab.folder / "ended").exists()
    arguments, variables = json.loads((lab.folder / "asked.json").read_text())
    assert arguments == []
    assert not {"JUPYTER_TOKEN", "JUPYTER_IP"} & set(
        variables
    )  # what is set for another server opens no door in this one
    assert variables["JUPYTER_CONFIG_PATH"] == str(lab.folder / "workflow/jupyter")
    assert variables["JUPYTER_CONFIG_DIR"].startswith(str(lab.folder))


def test_a_run_goes_on_beside_jupyterlab(lab):
    run = start(lab, "notebook", stdout=subprocess.PIPE)
    run.stdout.readline()
    try:
        beside = lab.run("--raw", "nowhere.csv")
        assert "another ./run" not in beside.stdout
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)


def test_jupyterlab_that_ends_by_itself_is_told(lab):
    (lab.folder / "broken").touch()
    done = lab.run("notebook")
    assert done.returncode == 1
    assert done.stdout == "needling: JupyterLab has ended by itself; .snakemake/jupyter.log says why.\n"
    assert (lab.folder / ".snakemake/jupyter.log").read_text() == "no port is free\n"
    assert "takes no options; '--ip=0.0.0.0' is one" in lab.run("notebook", "--ip=0.0.0.0").stdout


def test_jupyterlab_listens_to_this_machine_alone_and_asks_nothing_of_others(project):
    settings = json.loads((project / "workflow/jupyter/jupyter_server_config.json").read_text())
    assert settings["ServerApp"]["ip"] == "127.0.0.1"
    assert settings["ServerApp"]["allow_remote_access"] is False
    assert not {"token", "password"} & {*settings["ServerApp"], *settings.get("IdentityProvider", {})}
    assert settings["LabApp"]["news_url"] is None
    assert settings["LabApp"]["check_for_updates_class"].endswith("NeverCheckForUpdate")
    assert settings["LabApp"]["extension_manager"] == "readonly"


# ---------------------------------------------------------------- installation


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: Failed to establish "
            "a new connection: [Errno -3] Temporary failure in name resolution')'\nERROR: No matching distribution found",
            "the package registry is out of reach",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)\n"
            "ERROR: No matching distribution found for x==1",
            "the package registry is out of reach",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "differs from its hash"),
        (
            "ERROR: Failed to build 'x' when getting requirements to build wheel",
            "no ready-made file for this Python and machine",
        ),
        ("Collecting x\nERROR: Something else entirely\n", "ERROR: Something else entirely"),
    ],
)
def test_what_pip_says_becomes_one_sentence(launcher, said, sentence):
    told = str(launcher.explained(said, "installing packages failed"))
    assert sentence in told
    assert "\n" not in told


def test_unreachable_registry_is_told(steps):
    (steps.folder / ".venv/requirements.lock.installed").unlink()
    (steps.folder / "requirements.lock").write_text("no-such-package-anywhere==1.0 --hash=sha256:" + 64 * "0" + "\n")
    isolated = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    refused = steps.run(**isolated, PIP_FIND_LINKS="", PIP_NO_INDEX="0")
    assert refused.returncode == 1
    assert "the package registry is out of reach" in refused.stdout.splitlines()[-1]
    assert not (steps.folder / ".venv/requirements.lock.installed").exists()


def test_lock_project_and_place_decide_what_is_installed(launcher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = set()
    for lock, build, project, place in ["abpx", "bbpx", "abqx", "abpy", "aapx"]:
        (tmp_path / "requirements.lock").write_text(lock)
        (tmp_path / "requirements-build.lock").write_text(build)
        (tmp_path / "pyproject.toml").write_text(project)
        monkeypatch.setattr(launcher, "PROJECT", place)
        seen.add(launcher.wanted_installation("requirements.lock"))
    assert len(seen) == 5


def test_another_patch_version_of_python_is_no_reason_to_install_anew(launcher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = {}
    for version in [(3, 11, 2), (3, 11, 7), (3, 12, 1)]:
        monkeypatch.setattr(launcher.sys, "version_info", version)
        wanted[version] = launcher.wanted_installation("requirements.lock")
    assert wanted[3, 11, 2] == wanted[3, 11, 7] != wanted[3, 12, 1]


def test_too_old_a_python_is_told(launcher, monkeypatch):
    monkeypatch.setattr(launcher.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(launcher.shutil, "which", lambda name: None)
    with pytest.raises(launcher.Stop, match=r"needs Python 3\.11 or newer; this is Python 3\.9"):
        launcher.find_python()


def test_a_newer_python_on_the_path_is_taken(launcher, monkeypatch):
    taken = []
    monkeypatch.setattr(launcher.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(launcher.shutil, "which", lambda name: f"/there/{name}" if name == "python3.12" else None)
    monkeypatch.setattr(launcher.os, "execv", lambda path, words: taken.append(path) or sys.exit())
    with pytest.raises(SystemExit):
        launcher.find_python()
    assert taken == ["/there/python3.12"]


def test_python_without_venv_is_told(launcher, tmp_path, monkeypatch):
    monkeypatch.setattr(launcher, "PYTHON", str(tmp_path / "none"))
    monkeypatch.setattr(launcher.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(launcher.Stop, match="no venv module; install it first"):
        launcher.make_venv()
