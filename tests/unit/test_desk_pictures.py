"""Pictures of fits and figures of the report on the desk: drawn on the axes given, as they are estimated and printed."""

import matplotlib
import numpy as np
import pytest
from made_desk import FILE, INFERENCE

import needling as nd
from needling.mixed.errors import MixedModelError


@pytest.mark.parametrize("what", ["means", "contrast", "residuals", "influence"])
def test_pictures_leave_the_backend_and_draw_on_the_axes_given(study, what) -> None:
    from matplotlib.figure import Figure

    before, ax = matplotlib.get_backend(), Figure().subplots()
    assert study.fit("main").plot(what, ax=ax) is ax
    assert matplotlib.get_backend() == before
    assert ax.lines


@pytest.mark.parametrize(
    ("response", "words", "better"),
    [("value", "pain", -1), ("change", "change in pain", -1), ("improvement", "improvement in pain", 1)],
)
def test_the_tinted_side_is_the_better_one_of_what_the_model_explains(study, response, words, better) -> None:
    ax = study.fit("main").update(f"{response} ~ .").plot("contrast")
    (tinted,) = ax.patches
    middle = tinted.get_y() + tinted.get_height() / 2
    assert np.sign(middle) == better == np.sign(ax.containers[0].lines[0].get_ydata()[0])
    assert ax.get_ylabel().startswith(f"Difference in {words}, points\n")


def test_a_contrast_is_drawn_as_it_is_estimated(mod) -> None:
    ax = mod.plot("contrast", x="csi")
    curve = max(ax.lines, key=lambda line: len(line.get_xdata()))
    ends = [float(curve.get_xdata()[place]) for place in (0, -1)]
    table = mod.contrast("arm", by="csi", at={"csi": ends, "visit": "week_4"})
    np.testing.assert_allclose([curve.get_ydata()[0], curve.get_ydata()[-1]], table["estimate"])
    assert "minus" in ax.get_ylabel()


def test_an_arm_that_is_called_as_a_difference_is_one_arm(study, tmp_path) -> None:
    odd = "deep - not shallow"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/small.yaml").write_text(FILE.replace("dry_needling", odd))
    other = nd.open("small", root=tmp_path)
    other.__dict__["_numbered"] = {
        name: table.assign(arm=table["arm"].astype("str").replace("dry_needling", odd)) if "arm" in table else table
        for name, table in study._numbered.items()
    }
    fit = other.fit("main")
    found = fit.contrast("arm", by="visit")
    assert set(zip(found["arm"], found["reference"], strict=True)) == {(odd, "usual_care")}
    np.testing.assert_allclose(found[INFERENCE], study.fit("main").contrast("arm", by="visit")[INFERENCE])
    assert fit.plot("contrast").get_ylabel().endswith("deep - not shallow minus usual care")
    legend = fit.plot("means").get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Usual care", "deep - not shallow"]


def test_random_effects_are_drawn_of_the_component_asked_for(study) -> None:
    lines = study.fit("main").update(random="1 + week", residual=None)
    drawn = lines.plot("random_effects").containers[0].lines[0].get_xdata()
    effects = lines.random_effects().query("component == 'patient' and term == 'Intercept'")["estimate"]
    assert drawn == pytest.approx(effects.sort_values())
    with pytest.raises(MixedModelError, match="'clinic' has no random effects in this model; those that have: patient"):
        lines.plot("random_effects", "clinic")


@pytest.mark.parametrize("what", ["means", "contrast"])
def test_a_visit_is_drawn_above_its_own_mark(study, what) -> None:
    ax = study.fit("main").plot(what)
    assert [mark.get_text() for mark in ax.get_xticklabels()] == ["Week 4", "Week 8", "Week 12"]
    assert ax.containers
    for drawn in ax.containers:
        assert list(drawn.lines[0].get_xdata()) == [4, 8, 12] == list(ax.get_xticks())


def test_what_is_drawn_is_not_what_the_plan_is_asked_for(mod) -> None:
    mod.plot("contrast", x="csi")
    assert mod.asked == []


@pytest.fixture
def reported(study, monkeypatch):
    """A study whose forest has numbers."""
    from made_results import plan, shown

    released, _ = shown(plan)
    study.plan = plan()
    monkeypatch.setitem(study.__dict__, "tables", {f"release/{name}": table for name, table in released.items()})
    return study


def _pixels(figure, dpi: int = 120) -> np.ndarray:
    """A figure as dots, 1 for white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def test_a_figure_of_the_report_stands_on_axes_that_are_given(reported) -> None:
    """The forest beside a plot of one's own keeps to its axes, which keep their place, wherever the layout puts them."""
    from matplotlib.figure import Figure

    before = matplotlib.get_backend()
    sheet = Figure(figsize=(8, 6), layout="constrained")
    own, ax = sheet.subplots(2, 1)
    assert reported.figure("forest", ax=ax) is ax
    for dpi in (60, 144):
        shown = _pixels(sheet, dpi)
        (placed,) = ax.artists
        extent, room = placed.get_window_extent(), ax.bbox
        assert (extent.x0, extent.y1) == pytest.approx((room.x0, room.y1))
        assert extent.x1 <= room.x1 + 1e-6
        assert extent.y0 >= room.y0 - 1e-6
        height = shown.shape[0]
        ink = shown.min(axis=2) < 0.5
        inside = ink[height - int(extent.y1) : height - int(extent.y0), int(extent.x0) : int(extent.x1)]
        assert 0.005 < inside.mean() < 0.3
        assert not ink[height - int(extent.y0) + 1 : height - int(room.y0)].any()
    assert not ax.axison
    assert own.axison
    assert matplotlib.get_backend() == before
    assert isinstance(reported.figure("forest"), Figure)


def test_a_figure_on_axes_is_the_figure_itself_in_lines_and_letters(reported, tmp_path) -> None:
    from matplotlib.figure import Figure

    from needling.figures.style import style

    alone = reported.figure("forest")
    sheet = Figure(figsize=alone.get_size_inches())
    ax = sheet.add_axes((0, 0, 1, 1))
    reported.figure("forest", ax=ax)
    with style():
        one, other = _pixels(alone), _pixels(sheet)
    ink = (one.min(axis=2) < 0.5).mean()
    assert ink > 0.01
    assert np.abs(one - other).mean() < 0.1 * ink
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        sheet.savefig(tmp_path / "sheet.svg")
    drawn = (tmp_path / "sheet.svg").read_text(encoding="utf-8")
    assert "<image" not in drawn
    assert ">Myofascial pain<" in drawn


def test_axes_with_more_room_show_a_figure_in_its_own_size(reported) -> None:
    from matplotlib.figure import Figure

    size = reported.figure("forest").get_size_inches()
    sheet = Figure(figsize=2 * size)
    ax = sheet.add_axes((0, 0, 1, 1))
    reported.figure("forest", ax=ax)
    extent = ax.artists[0].get_window_extent()
    assert (extent.width, extent.height) == pytest.approx(size * sheet.dpi)
    assert (extent.x0, extent.y1) == pytest.approx((ax.bbox.x0, ax.bbox.y1))


def test_axes_that_are_too_small_show_a_figure_smaller(reported) -> None:
    """Half of the room: words and lines of half their size, and nothing beside the axes."""
    from matplotlib.figure import Figure

    wide, high = reported.figure("forest").get_size_inches()
    sheet = Figure(figsize=(wide, high))
    ax = sheet.add_axes((0, 0.5, 1, 0.5))
    reported.figure("forest", ax=ax)
    (placed,) = ax.artists
    extent = placed.get_window_extent()
    assert (extent.width, extent.height) == pytest.approx((ax.bbox.width / 2, ax.bbox.height))
    shown = _pixels(sheet)
    ink = shown.min(axis=2) < 0.5
    assert ink[: len(ink) // 2, : ink.shape[1] // 2].any()
    assert not ink[len(ink) // 2 + 1 :].any()
    assert not ink[:, ink.shape[1] // 2 + 1 :].any()
