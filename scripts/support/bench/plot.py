# SPDX-License-Identifier: Apache-2.0
"""Draws what scripts/bench has measured. Usage: plot.py FIGURES.json PICTURE.svg"""

import io
import json
import re
import sys

import matplotlib.pyplot as plt

# The same figures give the same file; text stays text, to be searched and to be small.
plt.switch_backend("svg")
plt.rcParams.update({
    "svg.hashsalt": "macvlan-rdma", "svg.fonttype": "none", "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"], "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
OURS, OTHERS = "#2166ac", "#999999"
BARS = ("ours", "ours, conflict probe", "ours, dual stack", "macvlan", "chain", "ip -batch", "floor")


def draw_verb(axes, rows, verb):
    """A bar for each contestant's median, with a whisker to what nine rounds of ten stay below."""
    found = {row["name"]: row for row in rows if row["verb"] == verb}
    shown = [found[name] for name in reversed(BARS) if name in found]
    medians = [row["wall_ms"]["median"] for row in shown]
    above = [max(row["wall_ms"]["p90"] - row["wall_ms"]["median"], 0) for row in shown]
    axes.barh([f"{row['name']}   {row['of_reference']:.2f} ×" for row in shown], medians,
              xerr=[[0] * len(shown), above], error_kw={"elinewidth": 0.8, "capsize": 2},
              color=[OURS if row["name"].startswith("ours") else OTHERS for row in shown])
    axes.set_xlabel("ms; line: to the 90th percentile")
    axes.set_title(f"{verb} of one NIC; × the chain")


def set_scales(axes, at):
    axes.set_xscale("log")
    axes.set_xticks(at, [f"{number:,}" for number in at])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)


def draw_growth(axes, rows, what):
    """ADD by how much there is, against the floor in the same rounds."""
    at = [row["at"] for row in rows]
    axes.plot(at, [row["wall_ms"]["median"] for row in rows], "o-", color=OURS, label="ours")
    axes.plot(at, [row["floor_ms"] for row in rows], "o-", color=OTHERS, label="floor")
    set_scales(axes, at)
    axes.set_xlabel(what)
    axes.set_ylabel("ms")
    axes.set_title(f"ADD, by {what}")
    axes.legend(frameon=False)


def draw_pods(axes, rows):
    at = [row["at"] for row in rows]
    axes.plot(at, [row["add_ms_each"] for row in rows], "o-", color=OURS, label="ADD")
    axes.plot(at, [row["del_ms_each"] for row in rows], "o--", color=OURS, label="DEL")
    set_scales(axes, at)
    axes.set_xlabel("pods at once, on one master")
    axes.set_ylabel("ms a pod")
    axes.set_title("All of them together")
    axes.legend(frameon=False)


def save(picture, path):
    """A hundredth of a point is as much as anybody sees, and half the file."""
    text = io.StringIO()
    picture.savefig(text, metadata={"Date": None})
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(\d\.\d\d)\d+", r"\1", text.getvalue()))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        figures = json.load(file)
    verbs, growth = figures.get("verbs"), figures.get("growth")
    count = 2 * bool(verbs) + 4 * bool(growth)
    if count == 0:
        raise SystemExit("plot: there is nothing to draw: neither verbs nor growth")
    picture, grid = plt.subplots(count // 2, 2, figsize=(9, 2.6 * count / 2), squeeze=False)
    axes = list(grid.flat)
    if verbs:
        draw_verb(axes.pop(0), verbs["rows"], "ADD")
        draw_verb(axes.pop(0), verbs["rows"], "DEL")
    if growth:
        draw_growth(axes.pop(0), growth["links"], "links more on the host")
        draw_growth(axes.pop(0), growth["routes"], "routes more on the host")
        draw_growth(axes.pop(0), growth["nics"], "NICs in the pod")
        draw_pods(axes.pop(0), growth["pods"])
    picture.tight_layout()
    save(picture, sys.argv[2])


main()
