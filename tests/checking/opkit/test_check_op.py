"""`check_op`: what it says, how it says it, and what it does with ops and samples that are odd."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from tinygrad_np import Tensor, check_op, elementwise, matmul, primitive
from tinygrad_np.checking.opkit import arguments, progress

V = np.array([0.5, -1.5, 0.8])
M = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]])


def log_square_op(c=2.0):
    return elementwise(lambda x: np.log(1 + x * x), lambda _y, x: c * x / (1 + x * x), name="log_square")


def bias_op(rule):
    return primitive(lambda x, bias: x + bias, name="add_bias").defvjp(lambda g, _y, _x, _b: g, rule)


def test_a_right_op_passes_and_says_what_was_asked() -> None:
    report = check_op(log_square_op(), V)
    assert report.ok
    assert {c.status for c in report.checks} <= {"pass", "warn", "skip"}
    assert report["traced"].status == report["numeric"].status == report["second"].status == "pass"
    with pytest.raises(KeyError, match="there are forward, inputs"):
        report["no such check"]


def test_a_wrong_op_is_explained() -> None:
    report = check_op(log_square_op(1.0), V)
    assert not report.ok
    assert report["numeric"].kind == "factor"
    assert "x: off by the factor 1/2" in report["numeric"].detail
    assert re.search(r"at x\[\d\] the cotangent is \S+ and should be \S+ \(complex step", report["numeric"].detail)


def wrong_and_right():
    unsummed = bias_op(lambda g, _y, _x, _b: g)
    summed = bias_op(lambda g, _y, _x, _b: np.sum(g, axis=0))
    turned = primitive(lambda a, b: a @ b, name="product").defvjp(
        lambda g, _y, _a, b: g @ b.T, lambda g, _y, a, _b: (a.T @ g).T
    )
    product = primitive(lambda a, b: a @ b, name="product").defvjp(
        lambda g, _y, _a, b: g @ b.T, lambda g, _y, a, _b: a.T @ g
    )
    bent = elementwise(lambda x: np.maximum(x, 0), lambda _y, x: np.where(x == 0, 1.5, x > 0), name="ramp")
    ramp = elementwise(lambda x: np.maximum(x, 0), lambda _y, x: x > 0, name="ramp")
    first = primitive(lambda x: np.max(x), name="top").defvjp(lambda g, y, x: g * (x == y) / np.sum(x == y))
    every = primitive(lambda x: np.max(x), name="top").defvjp(lambda g, y, x: g * (x == y))
    return [
        (log_square_op(1.0), log_square_op(), (V,), "factor"),
        (unsummed, summed, (M, V), "bias-sum"),
        (turned, product, (M @ M.T, M @ M.T + 1), "transpose"),
        (bent, ramp, (np.array([-1.0, 0.0, 2.0]),), "kink"),
        (every, first, (np.array([1.0, 1.0, 0.2]),), "ties"),
    ]


@pytest.mark.parametrize(("wrong", "right", "args", "kind"), wrong_and_right(), ids=lambda v: str(v)[:24])
def test_what_is_printed_reproduces_the_failure(wrong, right, args, kind) -> None:
    failed = [c for c in check_op(wrong, *args).checks if c.status == "fail"]
    assert kind in {c.kind for c in failed}
    codes = {c.code for c in failed if c.code}
    assert codes
    for code in codes:
        with pytest.raises((AssertionError, ValueError)):
            exec(code, {wrong.name: wrong})
        exec(code, {right.name: right})


def test_a_counterexample_is_small() -> None:
    wide = np.random.default_rng(0).normal(size=(6, 8))
    code = check_op(log_square_op(1.0), wide)["numeric"].code
    assert re.search(r"x = np.array\(\[\[-?\d\.\d\]\]\)", code)


def test_the_text_has_80_columns() -> None:
    for report in (check_op(log_square_op(1.0), V), check_op(matmul)):
        text = str(report).split("To see it")[0]
        assert max(map(len, text.splitlines())) <= 80
        assert all(c.name in text for c in report.checks)


def test_json_holds_it_all(tmp_path) -> None:
    report = check_op(log_square_op(1.0), V)
    report.to_json(tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["op"] == "log_square"
    assert read["ok"] is False
    assert [c["name"] for c in read["checks"]] == [c.name for c in report.checks]


def test_the_page_is_escaped_and_needs_no_other_file(tmp_path) -> None:
    op = elementwise(lambda x: x * x, lambda _y, x: x, name="<script>alert(1)</script>&")
    page = check_op(op, V).to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page
    assert not re.search(r"(src|href)=|@import|url\(", page)


def test_a_rule_that_raises_is_a_failure_that_says_where() -> None:
    def rule(g, _y, x):
        raise RuntimeError("not today")

    report = check_op(primitive(lambda x: x * x, name="square").defvjp(rule), V)
    assert report["rules"].status == "fail"
    assert re.search(r"RuntimeError: not today \(test_check_op\.py:\d+\)", report["rules"].detail)
    assert report["numeric"].status == "fail"


def test_what_cannot_be_tried() -> None:
    with pytest.raises(ValueError, match=r"nothing to try it on. Give arguments, check_op\(log_square, x\)"):
        check_op(log_square_op())
    with pytest.raises(TypeError, match="takes an op"):
        check_op(3)
    report = check_op(primitive(lambda x: np.linalg.cholesky(x), name="root").defvjp(lambda g, _y, x: g), -np.eye(2))
    assert report["forward"].status == "fail"
    assert "not positive definite" in report["forward"].detail


def test_shapes_stand_for_random_arrays() -> None:
    assert check_op(log_square_op(), (2, 3)).ok
    assert check_op(log_square_op(), Tensor(V, requires_grad=True)).ok
    assert check_op(log_square_op(), 0.5).ok


def test_the_users_arrays_are_left_alone() -> None:
    def forward(x):
        x *= 2
        return x + 1

    x = V.copy()
    report = check_op(primitive(forward, name="doubled").defvjp(lambda g, _y, _x: 2 * g), x)
    assert report["inputs"].status == "fail"
    np.testing.assert_array_equal(x, V)
    assert x.flags.writeable


def test_what_is_declared_is_not_asked() -> None:
    def rounding(**declared):
        return primitive(lambda x: np.round(x), name="rounding", **declared).defvjp(lambda g, _y, _x: g)

    assert not check_op(rounding(), V).ok
    report = check_op(rounding(deviates="straight-through: the gradient is that of the identity"), V)
    assert report.ok
    assert "straight-through" in report["numeric"].detail

    def viewed(**declared):
        return primitive(lambda x: x[::-1], name="turned", **declared).defvjp(lambda g, _y, _x: g[::-1])

    assert check_op(viewed(), V)["alias"].status == "fail"
    assert check_op(viewed(view=True), V)["alias"].status == "pass"

    def arrays_only(**declared):
        rule = lambda g, _y, x: g * np.cos(np.asarray(x))
        return primitive(lambda x: np.sin(x), name="sine", **declared).defvjp(rule)

    assert check_op(arrays_only(), V)["second"].status == "fail"
    assert check_op(arrays_only(order=1), V)["second"].status == "skip"


def test_samples_that_hide_a_mistake_are_told_of() -> None:
    relu = elementwise(lambda x: np.maximum(x, 0), lambda _y, x: x > 0, name="ramp")
    weak = check_op(relu, np.array([0.5, 1.5]))["mutation"]
    assert weak.status == "warn"
    assert "not caught: mask" in weak.detail
    assert "a sample that would: ((2,),)" in weak.detail
    assert check_op(relu, np.array([0.5, -1.5, 0.3]))["mutation"].status == "pass"
    take = primitive(lambda x, rows: x[rows], name="rows")
    take.defvjp(lambda g, _y, _x, rows: (rows == np.arange(_x.shape[0])[:, None]) @ g, None)
    once = check_op(take, M, np.array([0, 1]))["mutation"]
    assert "not caught: scatter" in once.detail
    assert "scatter" not in check_op(take, M, np.array([1, 1]))["mutation"].detail


def test_sizes_that_agree_by_chance_hide_nothing() -> None:
    op = primitive(lambda x: np.mean(x * x, axis=0), name="mean_square")
    wrong = op.defvjp(lambda g, _y, x: 2 * g * x / x.shape[1])
    report = check_op(wrong, (3, 3))
    assert report["numeric"].status == "pass"
    assert report["shapes"].status == "fail"
    assert "with sizes that differ, x[3, 5]" in report["shapes"].detail


def test_other_calls_in_between_and_several_outputs() -> None:
    two = primitive(lambda x: (np.sin(x), np.cos(x)), name="circle").defvjp(lambda g, _y, x: g[0] * np.cos(x))
    assert "wrong for the cotangent of output 1 alone" in check_op(two, V)["numeric"].detail


def test_thorough_draws_hundreds() -> None:
    op = primitive(lambda x: x * (2.0 if x.size == 4 else 1.0), name="by_size").defvjp(lambda g, _y, _x: g)
    assert check_op(op, V).ok
    found = check_op(op, V, thorough=True)["drawn"]
    assert found.status == "fail"
    assert "off by the factor 1/2" in found.detail
    right = check_op(log_square_op(), V, thorough=True)
    assert right.ok
    assert right["drawn"].detail == "right at 200 calls of other sizes and values"
    assert right["threads"].status == "pass"


def test_one_array_for_two_arguments() -> None:
    def forward(a, b):
        return a * b if a is not b and not np.shares_memory(a, b) else a * b + 1

    op = primitive(forward, name="product").defvjp(lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
    assert check_op(op, V, V + 1).ok
    assert "one array given for a and b" in check_op(op, V, V + 1, thorough=True)["layouts"].detail


def test_without_hypothesis_one_line_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert 'pip install "tinygrad_np[test]"' in check_op(log_square_op(), V, thorough=True)["drawn"].detail
    with pytest.raises(ImportError, match=r"tinygrad_np\[test\]"):
        arguments(log_square_op(), V)


def test_functions_of_other_ops_are_checked_too() -> None:
    report = check_op(lambda x: np.tanh(x) * x, V)
    assert report.ok
    assert report["mutation"].status == "skip"


def test_long_runs_show_which_check_runs(monkeypatch, capsys) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(progress, "QUIET", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    steps = [("forward", 1), ("numeric", 2)]
    assert list(progress.shown(steps, "checking ramp")) == steps
    assert "checking ramp" in capsys.readouterr().err


def test_short_runs_show_nothing(capsys) -> None:
    check_op(log_square_op(), V)
    assert capsys.readouterr() == ("", "")


def test_the_page_is_well_formed() -> None:
    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attrs):
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    tags = Tags()
    tags.feed(check_op(log_square_op(1.0), V).to_html())
    assert tags.open == []


def test_what_failed_comes_first_and_what_was_not_asked_last() -> None:
    lines = str(check_op(log_square_op(1.0), V)).splitlines()
    assert lines[2].startswith("FAIL traced")
    assert lines.index("Not asked") > max(k for k, line in enumerate(lines) if line.startswith("ok"))
    assert sum("the rule is wrong on the samples themselves" in line for line in lines) == 1


def test_the_written_source_is_held_against_the_op(monkeypatch) -> None:
    from tinygrad_np.writing import numpy_source

    written = check_op(log_square_op(), V)["notation"]
    assert written.status == "pass", written.detail
    unseen = eval("lambda x: x * np.frompyfunc(abs, 1, 1)(x).astype(float)", {"np": np})
    op = primitive(unseen, name="unseen").defvjp(lambda g, _y, x: 2 * g * np.abs(x))
    skipped = check_op(op, V)["notation"]
    assert skipped.status == "skip"
    assert "cannot be written" in skipped.detail

    source = numpy_source._Writer.source
    monkeypatch.setattr(numpy_source._Writer, "source", lambda self: source(self).replace("np.log(", "np.log2("))
    changed = check_op(log_square_op(), V)["notation"]
    assert changed.status == "warn"
    assert "another value than the op does" in changed.detail


def test_where_nothing_can_be_checked_nothing_is_called_right() -> None:
    wrong = primitive(lambda x: np.log(x), name="mylog").defvjp(lambda g, _y, x: -7 * g)
    report = check_op(wrong, np.array([-1.0, -2.0]))
    assert not report.ok
    assert "finite at no sample" in report["forward"].detail
