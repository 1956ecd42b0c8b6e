"""The machine in words: what a reader needs to judge a figure, and nothing that says whose machine it is."""

from __future__ import annotations

import os
import platform
import re

__all__ = ["machine"]

# CPU families whose model name does not say the generation.
ZEN = {23: "Zen or Zen 2", 25: "Zen 3 or Zen 4", 26: "Zen 5"}


def machine(pinned: bool) -> str:
    """For example: one core of an x86-64 CPU (AMD EPYC, Zen 5), 2 cores visible, Linux."""
    fields = _cpuinfo()
    model = re.sub(r"\((R|TM)\)|\s+(CPU|Processor|@.*)", "", fields.get("model name", platform.machine())).strip()
    generation = ZEN.get(int(fields.get("cpu family", 0))) if fields.get("vendor_id") == "AuthenticAMD" else None
    architecture = {"x86_64": "x86-64", "AMD64": "x86-64", "aarch64": "64-bit ARM", "arm64": "64-bit ARM"}.get(
        platform.machine(), platform.machine()
    )
    kind = "server CPU" if re.search(r"EPYC|Xeon|Neoverse|Graviton", model) else "CPU"
    virtual = ", virtual machine" if "hypervisor" in fields.get("flags", "").split() else ""
    cores = os.cpu_count()
    return (
        f"{'one core of' if pinned else 'unpinned on'} an {architecture} {kind}"
        f" ({model}{f', {generation}' if generation else ''}), {cores} cores visible{virtual}, {platform.system()}"
    )


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    try:
        with open("/proc/cpuinfo") as f:
            first = f.read().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
