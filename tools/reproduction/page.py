"""The page: figures with captions and commands, and the table of statements, as Markdown and HTML."""

import html
import shlex

import plan
import runs


def write(root, scale, seeds, rates, known, simulations, figures, statements, doubts):
    """Writes report.md and report.html; `known` are the rates of an earlier call's table."""
    blocks = list(content(scale, seeds, rates, known, simulations, figures, statements, doubts))
    for name, render in (("report.md", markdown), ("report.html", web)):
        partial = root / f"{name}.partial"
        partial.write_text(render(blocks), encoding="utf-8")
        partial.rename(root / name)


def content(scale, seeds, rates, known, simulations, figures, statements, doubts):
    """The page as (kind, value) blocks, the same for both formats."""
    yield "title", "Generating ultrastable glasses by homogenising the local virial stress: reproduction"
    done = []
    if seeds:
        done.append(
            f"at the scale “{scale.name}”, N = {scale.particles}, {plan.notation(scale.steps)} steps for ΔT = 0.9 (rate {plan.rate(scale.steps):g}, the paper's is "
            f"{plan.PAPER_RATE:g}), {len(seeds)} independent run{'s' if len(seeds) > 1 else ''}"
        )
    if rates:
        done.append(f"rate study with N = 1000 at {named(rates)} steps" + (f", of which {named(known)} from the table of an earlier call" if known else ""))
    yield "text", f"F. Leoni, J. Russo, F. Sciortino and T. Yanagishima's programme carried out by hyalo: {'; '.join(done)}."
    counts = {verdict: sum(one.verdict() == verdict for one in statements) for verdict in ("holds", "does not hold", "cannot be judged")}
    yield "heading", "What the paper states"
    yield "text", f"{counts['holds']} of {len(statements)} statements hold, {counts['does not hold']} do not, {counts['cannot be judged']} cannot be judged. Values are means, of several runs with their standard deviation; in brackets stands the uncertainty that a temperature or a ratio is compared with: the largest of 0.01 (0.02 for the ratio), twice the standard error over runs, and half of hyalo's own interval. Verdicts are computed from the tables."
    yield "table", (
        ["statement", "paper", "measured", "criterion", "verdict"],
        [[f"{one.text} ({one.where})", one.paper, one.measured, one.criterion, one.verdict() + (f": {one.remark}" if one.remark else "")] for one in statements],
    )
    yield "heading", "Figures"
    for figure in figures:
        yield "figure", figure
    if simulations:
        yield "heading", "Simulations"
        yield "text", "Each of them by one command, in the folder of this page:"
        yield "code", "\n".join(shlex.join(["hyalo", *run.arguments()]) for run in simulations)
    if doubts:
        yield "heading", "What hyalo doubts itself, and what was left out"
        yield "code", "\n".join(doubts)


def named(rates):
    return ", ".join(plan.notation(steps) for steps in rates)


def markdown(blocks):
    lines = []
    for kind, value in blocks:
        if kind == "title":
            lines += [f"# {value}", ""]
        elif kind == "heading":
            lines += [f"## {value}", ""]
        elif kind == "text":
            lines += [value, ""]
        elif kind == "code":
            lines += [*("    " + line for line in value.splitlines()), ""]
        elif kind == "table":
            header, rows = value
            cell = lambda text: text.replace("|", "\\|")
            lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
            lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows] + [""]
        elif kind == "figure":
            lines += [f"### Fig. {value.number}: {value.title}" if value.number != "rates" else f"### {value.title}", "", f"![{value.title}](figures/{value.name}.svg)", "", f"*{value.caption}*", "", f"    {value.command}", ""]
    return "\n".join(lines)


STYLE = """body{font:16px/1.5 Georgia,serif;max-width:62em;margin:2em auto;padding:0 1em;color:#111}
table{border-collapse:collapse;font-size:14px}td,th{border-bottom:1px solid #ccc;padding:.4em .6em;text-align:left;vertical-align:top}
figure{display:inline-block;vertical-align:top;width:29em;margin:0 1em 2em 0}figure img{width:100%}figcaption{font-size:14px}
pre{background:#f5f5f5;padding:.6em;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}
.holds{color:#00694e}.fails{color:#a33c00}details{font-size:13px}"""


def web(blocks):
    body, escape = [], html.escape
    for kind, value in blocks:
        if kind == "title":
            title = value
            body.append(f"<h1>{escape(value)}</h1>")
        elif kind == "heading":
            body.append(f"<h2>{escape(value)}</h2>")
        elif kind == "text":
            body.append(f"<p>{escape(value)}</p>")
        elif kind == "code":
            body.append(f"<pre>{escape(value)}</pre>")
        elif kind == "table":
            header, rows = value
            cells = lambda row: "".join(f'<td{mark(text)}>{escape(text)}</td>' for text in row)
            body.append("<table><tr>" + "".join(f"<th>{escape(text)}</th>" for text in header) + "</tr>" + "".join(f"<tr>{cells(row)}</tr>" for row in rows) + "</table>")
        elif kind == "figure":
            name = value.title if value.number == "rates" else f"Fig. {value.number}: {value.title}"
            body.append(
                f'<figure><img src="figures/{value.name}.svg" alt="{escape(value.title)}"><figcaption><b>{escape(name)}.</b> {escape(value.caption)}'
                f"<details><summary>command</summary><pre>{escape(value.command)}</pre></details></figcaption></figure>"
            )
    return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'


def mark(text):
    """The colour of a verdict."""
    if text.startswith("holds"):
        return ' class="holds"'
    return ' class="fails"' if text.startswith("does not hold") else ""
