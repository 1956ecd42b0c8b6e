"""Reports for the tests of how a report is shown, as an audit would make them."""

from __future__ import annotations

from tinygrad_np.checking.audit.report import AuditReport, Finding, Line

SOURCE = '''\
def train(x, y, w1, w2, lr=0.1):
    """Two layers."""
    for _ in range(3):
        h = x @ w1
        h_relu = np.maximum(h, 0)
        pred = h @ w2
        error = np.square(pred - y).sum()

        grad_pred = 2 * (pred - y)
        grad_w2 = h_relu.T @ grad_pred
        grad_h = grad_pred @ w2.T * (h > 0)
        grad_w1 = x.T @ grad_h
        norm = np.abs(grad_w1).sum()
        w2 -= lr * grad_w2
        w1 -= lr * grad_w2
    return w1, w2
'''
STATUS = {
    4: ("forward", ""),
    6: ("wrong", ""),
    7: ("forward", "error"),
    9: ("ok", "d error / d pred"),
    10: ("inherited", "d error / d w2"),
    11: ("rounding", "d error / d h"),
    12: ("kink", "d error / d w1"),
    13: ("unmatched", ""),
    15: ("wrong", ""),
}
FORWARD = Finding(
    6, "        pred = h @ w2", "pred", "forward", "h_relu never reaches error: this reads h.", "pred = h_relu @ w2"
)
PARAMETER = Finding(
    15,
    "        w1 -= lr * grad_w2",
    "w1",
    "wrong-parameter",
    "grad_w2 is the gradient of w2. " * 4,
    "w1 -= lr * grad_w1",
    312.5,
    (3, 1),
    ("grad_w2 = x.T @ grad_h",),
)


def report(
    source: str = SOURCE, status: dict[int, tuple[str, str]] = STATUS, findings=(FORWARD, PARAMETER), **changes
) -> AuditReport:
    lines = tuple(Line(i, text, *status.get(i, ("", ""))) for i, text in enumerate(source.split("\n")[:-1], 1))
    given = {"function": "train", "file": "/home/me/net.py", "loss": "error", "notes": ("w2 is square",)} | changes
    return AuditReport(lines=lines, findings=tuple(findings), **given)


def right() -> AuditReport:
    """Of the same function, with nothing found."""
    return report(status={9: ("ok", ""), 10: ("rounding", ""), 12: ("kink", "")}, findings=(), notes=())


EVIL = "</td><script>alert('x')</script>&amp;\"\x1b[31m\u202e\ud800"


def hostile() -> AuditReport:
    """Markup, quotes, terminal commands, marks that turn text around, half a surrogate pair: in every text there is."""
    source = (
        f"def f({EVIL}):\n\tx = '{EVIL}'\n\t\ty = {'long ' * 300}\n\tz = {'endless' * 300}\n"
        f"\t变量 = {'变量 + ' * 40}0  # {EVIL}\n"
    )
    finding = Finding(
        2, f"x = '{EVIL}'\r\n", EVIL, "unknown", EVIL * 5, f"x = 1\n{EVIL}", float("nan"), (1,), (EVIL, "变" * 200)
    )
    status = {2: ("wrong", EVIL), 3: ("ok", EVIL), 4: ("ok", "变" * 90), 5: ("inherited", "note")}
    elsewhere = Finding(99, EVIL, EVIL, EVIL, EVIL)
    return report(
        source, status, (finding, elsewhere), function=EVIL, file=f"/tmp/{EVIL.replace('/', '')}.py", loss=EVIL,
        notes=(EVIL * 3,),
    )  # fmt: skip
