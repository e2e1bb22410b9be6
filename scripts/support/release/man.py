# SPDX-License-Identifier: Apache-2.0
"""Makes the man page of the reference: man.py VERSION DATE < conf/REFERENCE.md > macvlan-rdma.8

Of Markdown it knows what the reference uses: headings, paragraphs, lists, tables, code. A table
becomes a list of its rows, since a terminal has no room for five columns.
"""

import re
import sys

NAME = ("macvlan-rdma", "CNI plugin for macvlan NICs with RDMA, policy routing and probed gateways")
SYNOPSIS = ["macvlan-rdma", "macvlan-rdma COMMAND [OPTION]…", "CNI_COMMAND=ADD … macvlan-rdma < CONFIGURATION"]


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def inline(text):
    """Code and strong words bold, emphasis in italics, links as their text."""
    text = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1", text)
    parts = re.split(r"(`[^`]+`)", text)
    done = []
    for part in parts:
        if part.startswith("`"):
            done.append("\\fB" + escape(part[1:-1]) + "\\fR")
            continue
        part = escape(part)
        part = re.sub(r"\*\*([^*]+)\*\*", r"\\fB\1\\fR", part)
        done.append(re.sub(r"(?<!\w)[*_]([^*_]+)[*_](?!\w)", r"\\fI\1\\fR", part))
    return "".join(done)


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def table(lines):
    """Each row under its first cell; behind the second one, cells are named by their column."""
    head = cells(lines[0])
    out = []
    for row in (cells(line) for line in lines[2:]):
        out += [".TP", inline(row[0]) or "\\&"]
        named = [f"{name}: {cell}" if name and len(row) > 2 else cell
                 for name, cell in zip(head[1:], row[1:]) if cell]
        out.append(inline(". ".join(cell.rstrip(".") for cell in named) + ("." if named else "")))
    return out + [".PP"]


def blocks(text):
    """(kind, lines) of each paragraph, list, table, heading or piece of code."""
    block, kind = [], None
    for line in text.split("\n") + [""]:
        if kind == "code":
            if line.startswith("```"):
                yield kind, block
                block, kind = [], None
            else:
                block.append(line)
            continue
        new = ("code" if line.startswith("```") else "heading" if line.startswith("#") else
               "table" if line.startswith("|") else "list" if re.match(r"([-*]|\d+\.) ", line) else
               None if not line.strip() else kind if kind in ("list", "text") else "text")
        if block and (new != kind or new in ("heading", "code")):
            yield kind, block
            block = []
        kind = new
        if new not in (None, "code"):
            block.append(line)
        if new == "list" and len(block) > 1 and re.match(r"([-*]|\d+\.) ", line):
            yield "list", block[:-1]
            block = block[-1:]


def render(kind, lines):
    if kind == "code":
        return [".PP", ".nf", ".RS 4", *[escape(line) for line in lines], ".RE", ".fi", ".PP"]
    if kind == "heading":
        level, title = lines[0].split(" ", 1)
        return [(".SH " if len(level) == 2 else ".SS ") + '"' + inline(title) + '"']
    if kind == "table":
        return table(lines)
    text = " ".join(line.strip() for line in lines)
    if kind == "list":
        mark, text = text.split(" ", 1)
        return [".IP " + ("\\(bu 2" if mark in "-*" else mark + " 4"), inline(text)]
    return [".PP", inline(text)]


def main():
    version, date = sys.argv[1:]
    text = re.sub(r"<!--.*?-->\n", "", sys.stdin.read())
    text = text[text.index("\n\n", text.index("# ")):]  # without the title
    text = re.sub(r"\nContents: .*?\n\n", "\n\n", text, flags=re.S)
    out = [f'.TH MACVLAN\\-RDMA 8 "{date}" "macvlan\\-rdma {version}" "System Administration"',
           ".nh", ".ad l", ".SH NAME", f"{escape(NAME[0])} \\- {escape(NAME[1])}", ".SH SYNOPSIS", ".nf",
           *[".B " + escape(line) for line in SYNOPSIS], ".fi", ".SH DESCRIPTION"]
    for kind, lines in blocks(text):
        out += render(kind, lines)
    print("\n".join(out))


main()
