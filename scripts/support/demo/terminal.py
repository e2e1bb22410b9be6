# SPDX-License-Identifier: Apache-2.0
"""How the demo looks: headings, aligned tables, colours on a terminal only."""

import os
import sys
import textwrap

WIDTH = 100
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}


def paint(text, colour):
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def title(text):
    print("\n" + paint(text, "bold") + "\n" + "═" * len(text))


def heading(number, text):
    line = f"── {number}  {text} "
    print("\n" + paint(line + "─" * (WIDTH - len(line)), "bold"))


def explain(text):
    """A short paragraph, wrapped."""
    print("\n" + textwrap.fill(" ".join(text.split()), WIDTH))


def command(line):
    print("\n  " + paint("$ " + line, "cyan"))


def verbatim(text):
    """What a command printed, indented."""
    for line in text.rstrip().splitlines():
        print("    " + line.expandtabs().rstrip())


def table(header, rows):
    """Aligned columns under a header; numbers to the right."""
    cells = [header] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print()
    for number, row in enumerate(cells):
        line = "  "
        for i, cell in enumerate(row):
            right = rows and isinstance(rows[0][i], (int, float))
            line += (cell.rjust(widths[i]) if right else cell.ljust(widths[i])) + "   "
        print(paint(line.rstrip(), "dim") if number == 0 else line.rstrip())


def remark(text):
    print("\n  " + text)


def verdict(good, text, reasons=()):
    """One line with ✓ or ✗, and below it what is wrong; returns `good`."""
    print("  " + (paint("✓", "green") if good else paint("✗", "red")) + " " + text)
    for reason in reasons:
        print("      " + paint(str(reason), "red"))
    return good


def bar(value, largest, width):
    """A bar in eighths of a character."""
    eighths = round(value / largest * width * 8) if largest else 0
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
