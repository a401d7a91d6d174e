"""Puts what the other scripts left in a folder together: one Markdown and one JSON file, as in bench/results."""

import argparse
import json
import math
import pathlib
import re
import sys

import manifest as prepared

PARTS = ["limits", "dense", "sparse", "growth", "flex", "autotune"]
UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]


def digits(value):
    """Three significant digits, without exponents."""
    size = abs(value)
    return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3}f}"


def format_cell(kind, cell):
    """As bench/report/markdown.ts: what is not there is a dash."""
    if cell is None or cell == "nan":
        return "–"
    if isinstance(cell, str):
        return "∞" if cell == "inf" else cell
    if kind == "ratio":
        return f"{digits(cell)}x"
    if kind == "percent":
        return f"{cell * 100:.{1 if abs(cell) < 0.1 else 0}f}%"
    if kind == "error":
        return f"{cell:.1e}"
    if kind == "count":
        return str(cell)
    if kind == "bytes":
        unit = min(len(UNITS) - 1, int(math.log2(cell) // 10)) if cell >= 1 else 0
        return f"{cell if unit == 0 else digits(cell / 1024**unit)} {UNITS[unit]}"
    return digits(cell)


def table_markdown(table):
    if not table["rows"]:
        return "No rows."
    columns = [column for column in table["columns"] if any(row.get(column["key"]) not in (None, "") for row in table["rows"])]
    lines = ["| " + " | ".join(column["title"] for column in columns) + " |"]
    lines.append("|" + "|".join(" --- " if column["kind"] == "text" else " ---: " for column in columns) + "|")
    for row in table["rows"]:
        cells = [format_cell(column["kind"], row.get(column["key"])).replace("|", "\\|").replace("\n", " ") for column in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def section_markdown(section):
    parts = [f"## {section['title']}"]
    if section["notes"]:
        parts.append("\n".join(f"- {note}" for note in section["notes"]))
    parts.extend(table_markdown(table) for table in section["tables"])
    if section["failures"]:
        parts.append("Failed:\n\n" + "\n".join(f"- {failure}" for failure in section["failures"]))
    return "\n\n".join(parts)


def verify_section(report):
    """A row for each kernel: its cases, and the greatest error as a share of the tolerance."""
    kernels = {}
    for result in report["results"]:
        kernels.setdefault((result["operator"], result["kernel"]), []).append(result)
    rows = []
    for (operator, kernel), results in kernels.items():
        ratios = [float(each["worst"]["ratio"]) for each in results if each.get("worst")]
        wrong = [each for each in results if each["ok"] is False]
        rows.append({
            "operator": operator,
            "kernel": kernel,
            "right": sum(each["ok"] is True for each in results),
            "wrong": len(wrong),
            "skipped": sum(each["ok"] is None for each in results),
            "maxAbs": max((float(each["max_abs"]) for each in results if "max_abs" in each), default=None),
            "ratio": max(ratios, default=None),
            "note": "" if not wrong else f"{wrong[0]['case']}, {wrong[0]['data']}: {wrong[0].get('problem') or 'beyond its tolerance'}".splitlines()[0],
        })
    kinds = {"operator": "text", "kernel": "text", "note": "text", "maxAbs": "error", "ratio": "percent"}
    titles = {"maxAbs": "max error", "ratio": "of its tolerance, at most", "skipped": "not run"}
    columns = [{"key": key, "title": titles.get(key, key), "kind": kinds.get(key, "count")} for key in ("operator", "kernel", "right", "wrong", "skipped", "maxAbs", "ratio", "note")]
    notes = [
        f"Seed {report['seed']}. Outputs were NaN before each run and stood between guards; keys that no tile visits were NaN.",
        "Tolerances are those of `attnc verify`, element by element: twice the error of plain float32 computations of the same thing, and what 16 bits round.",
    ]
    failures = [f"{row['operator']}, {row['kernel']}: {row['note']}" for row in rows if row["wrong"] > 0]
    table = {"title": "Kernels", "columns": columns, "rows": rows}
    return {"name": "verify", "title": "Against dense attention in float64", "notes": notes, "tables": [table], "charts": [], "failures": failures}


def sanitize_section(folder):
    rows = []
    for path in sorted(folder.glob("sanitize-*.log")):
        text = path.read_text(errors="replace")
        summary = re.findall(r"^=+ (?:ERROR SUMMARY|RACECHECK SUMMARY): (.*)$", text, re.MULTILINE)
        ran = re.findall(r"^\d+ cases of .*$", text, re.MULTILINE)
        rows.append({"tool": path.stem.removeprefix("sanitize-"), "summary": summary[-1] if summary else "no summary: it did not end", "cases": ran[-1] if ran else None})
    if not rows:
        return None
    columns = [{"key": key, "title": key, "kind": "text"} for key in ("tool", "summary", "cases")]
    failures = [f"{row['tool']}: {row['summary']}" for row in rows if not re.match(r"0 (errors|hazards)", row["summary"])]
    return {"name": "sanitize", "title": "compute-sanitizer", "notes": ["Small cases; kernels of attnc alone."], "tables": [{"title": "Tools", "columns": columns, "rows": rows}], "charts": [], "failures": failures}


def collect(folder):
    folder = pathlib.Path(folder)
    facts, sections = None, []
    verify = folder / "verify.json"
    if verify.exists():
        facts = json.loads(verify.read_text())
        sections.append(verify_section(facts))
    sanitized = sanitize_section(folder)
    if sanitized is not None:
        sections.append(sanitized)
    for part in PARTS:
        path = folder / f"{part}.json"
        if path.exists():
            facts = json.loads(path.read_text())
            sections.append(facts["section"])
    if facts is None:
        raise SystemExit(f"{folder} has no results: run `run.sh verify` or `run.sh time` first")
    return {"version": 1, "date": facts["date"], "device": facts["device"], "environment": {"attnc": facts.get("attnc", ""), **facts["environment"]}, "sections": sections}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=str(prepared.HERE / "built" / "results"))
    args = parser.parse_args()
    report = collect(args.out)
    environment = "\n".join(f"- {name}: {value}" for name, value in report["environment"].items() if value)
    text = "\n\n".join([f"# CUDA bench on {report['device']}, {report['date'][:10]}", environment, *map(section_markdown, report["sections"])]) + "\n"
    name = f"{report['date'][:10]}-{re.sub(r'[^a-z0-9]+', '-', report['device'].lower()).strip('-')[:40]}"
    prepared.write_json(args.out, f"{name}.json", report)
    (pathlib.Path(args.out) / f"{name}.md").write_text(text)
    for section in report["sections"]:
        print(section_markdown(section))
        print()
    return 1 if any(section["failures"] for section in report["sections"]) else 0


if __name__ == "__main__":
    sys.exit(main())
