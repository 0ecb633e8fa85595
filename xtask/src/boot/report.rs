// SPDX-License-Identifier: GPL-2.0-only
//! The report of a boot: one HTML file that needs nothing but itself.
//!
//! Values in, text out. Everything that a kernel or a package said is escaped; there is no script in it and no
//! address of anything outside, and it says so to the browser.

use std::fmt::Write;

use super::ticks::Series;

/// What the report is about, as it is shown.
pub struct Report<'a> {
    pub title: String,
    /// One line that says how it went.
    pub verdict: String,
    pub good: bool,
    pub runs: Vec<Run<'a>>,
    /// Names and versions of what was installed.
    pub packages: Vec<(String, String)>,
}

/// One boot.
pub struct Run<'a> {
    pub name: String,
    /// Labels and values for the table.
    pub facts: Vec<(&'static str, String)>,
    /// What is wrong, each a line.
    pub wrong: Vec<String>,
    pub remarks: Vec<String>,
    pub series: &'a [Series],
    /// The CPU that was isolated.
    pub isolated: usize,
    pub console: &'a [String],
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--text:#1c1e21;--dim:#5c6470;--line:#d5d9e0;--good:#0a6b34;--bad:#b3261e;\
--free:#0b57d0;--other:#b06000;--sheet:#f5f6f8}\
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--text:#e6e8eb;--dim:#9aa3ae;--line:#363b43;--good:#5fd38d;\
--bad:#ff8a80;--free:#8ab4f8;--other:#fbbc62;--sheet:#1d2025}}\
*{box-sizing:border-box}body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:64rem;background:var(--ground);color:var(--text);\
font:16px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem;overflow-wrap:anywhere}\
h2{font-size:1.15rem;margin:2.5rem 0 .5rem;overflow-wrap:anywhere}.good{color:var(--good)}.bad{color:var(--bad)}\
.verdict{font-weight:600;margin:0 0 1.5rem}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}\
th{color:var(--dim);font-weight:500}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{color:var(--dim)}\
dd{margin:0;overflow-wrap:anywhere}svg{display:block;overflow:visible;width:100%;height:auto;margin:1rem 0 .25rem}\
svg text{fill:var(--dim);font:13px system-ui,sans-serif}.axis{stroke:var(--line)}.s{fill:none;stroke-width:2.5;\
stroke-linejoin:round}.free{stroke:var(--free)}.other{stroke:var(--other);stroke-dasharray:6 4}.key{margin:0;color:var(--dim)}\
.key b{color:var(--free)}.key i{color:var(--other);font-style:normal;font-weight:700}details{margin:1rem 0}\
summary{cursor:pointer}pre{background:var(--sheet);border:1px solid var(--line);padding:.75rem;overflow:auto;\
max-height:30rem;font:12px/1.45 ui-monospace,monospace}td b{display:block;font-weight:600}@media(max-width:40rem){svg text{font-size:24px}th,td{padding-right:.5rem}}";

/// Width and height of a plot, and the room for its labels on the left and below.
const SIZE: (f64, f64) = (760.0, 260.0);
const LEFT: f64 = 64.0;
const BELOW: f64 = 40.0;
/// Room above and on the right, so that no line touches the edge.
const EDGE: f64 = 12.0;

/// The whole file.
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    let class = if report.good { "good" } else { "bad" };
    let title = escape(&report.title);
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // Nothing may be fetched, whatever the text below holds.
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    let _ = write!(out, "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n");
    let _ = writeln!(out, "<p class=\"verdict {class}\">{}</p>", escape(&report.verdict));
    overview(&mut out, &report.runs);
    for run in &report.runs {
        section(&mut out, run);
    }
    out.push_str("<h2>What was installed</h2>\n<div class=\"wide\"><table><tr><th>Package</th><th>Version</th></tr>\n");
    for (name, version) in &report.packages {
        let _ = writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(version));
    }
    out.push_str("</table></div>\n</body>\n</html>\n");
    out
}

fn overview(out: &mut String, runs: &[Run]) {
    out.push_str("<div class=\"wide\"><table><tr><th>Boot</th><th class=\"n\">Isolated CPU, timer/s</th>");
    out.push_str("<th class=\"n\">All interrupts/s</th><th class=\"n\">Other CPUs, timer/s</th></tr>\n");
    for run in runs {
        let free = run.series.iter().find(|s| s.cpu == run.isolated);
        let others: Vec<f64> = run.series.iter().filter(|s| s.cpu != run.isolated).map(|s| s.rate).collect();
        let number = |n: Option<f64>| n.map_or("–".to_owned(), |n| format!("{n:.2}"));
        let other = (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64);
        let (class, word) = if run.wrong.is_empty() { ("good", "passed") } else { ("bad", "failed") };
        let _ = writeln!(
            out,
            "<tr><td>{}<b class=\"{class}\">{word}</b></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&run.name),
            number(free.map(|s| s.rate)),
            number(free.map(|s| s.all)),
            number(other),
        );
    }
    out.push_str("</table></div>\n");
}

fn section(out: &mut String, run: &Run) {
    let _ = writeln!(out, "<h2>{}</h2>", escape(&run.name));
    for wrong in &run.wrong {
        let _ = writeln!(out, "<p class=\"bad\">{}</p>", escape(wrong));
    }
    if !run.series.is_empty() {
        plot(out, run);
    }
    out.push_str("<dl>\n");
    for (label, value) in &run.facts {
        let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escape(value));
    }
    out.push_str("</dl>\n");
    if !run.remarks.is_empty() {
        let _ = writeln!(out, "<details><summary>Warnings in the kernel's log: {}</summary>\n<pre>", run.remarks.len());
        run.remarks.iter().for_each(|line| out.push_str(&(escape(line) + "\n")));
        out.push_str("</pre></details>\n");
    }
    out.push_str("<details><summary>The console</summary>\n<pre>");
    // The tables behind each sample are what the plot shows.
    for line in run.console.iter().filter(|l| !l.starts_with("@fork | ")) {
        out.push_str(&(escape(line) + "\n"));
    }
    out.push_str("</pre></details>\n");
}

/// Timer interrupts a second over time, a line for each CPU.
fn plot(out: &mut String, run: &Run) {
    let (width, height) = SIZE;
    let points = || run.series.iter().flat_map(|s| s.points.iter().copied());
    let most = nice(points().map(|p| p.1).fold(1.0, f64::max));
    let time = points().map(|p| p.0).fold(1.0, f64::max);
    let x = |t: f64| LEFT + t / time * (width - LEFT - EDGE);
    let y = |r: f64| height - BELOW - r / most * (height - BELOW - EDGE);
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Timer interrupts a second of each CPU over {time:.0} seconds\">"
    );
    for step in 0..=4 {
        let (rate, at) = (most * f64::from(step) / 4.0, y(most * f64::from(step) / 4.0));
        let right = width - EDGE;
        let _ = writeln!(out, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{rate}</text>", LEFT - 8.0, at + 4.0);
    }
    for step in 0..=3 {
        let t = time * f64::from(step) / 3.0;
        let anchor = ["start", "middle", "middle", "end"][step as usize];
        let _ =
            writeln!(out, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{t:.0} s</text>", x(t), height - 14.0);
    }
    // The isolated CPU last, on top of the others.
    let mut series: Vec<&Series> = run.series.iter().collect();
    series.sort_by_key(|s| s.cpu == run.isolated);
    for s in series {
        let class = if s.cpu == run.isolated { "free" } else { "other" };
        let line: Vec<String> = s.points.iter().map(|(t, r)| format!("{:.1},{:.1}", x(*t), y(*r))).collect();
        let _ = writeln!(
            out,
            "<polyline class=\"s {class}\" points=\"{}\"><title>CPU {}</title></polyline>",
            line.join(" "),
            s.cpu
        );
    }
    let _ = writeln!(
        out,
        "</svg>\n<p class=\"key\">Timer interrupts a second: <b>CPU {}, isolated and busy</b>, <i>the others</i></p>",
        run.isolated
    );
}

/// The next larger number that reads well on an axis.
fn nice(n: f64) -> f64 {
    let power = 10f64.powf(n.log10().floor());
    [1.0, 2.0, 4.0, 10.0].iter().map(|m| m * power).find(|m| *m >= n).unwrap_or(n)
}

/// For text and attributes; control characters, which terminals act on, are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_text_and_nothing_is_fetched() {
        let series = [Series { cpu: 1, rate: 0.5, all: 1.0, points: vec![(1.0, 0.0), (2.0, 1.0)] }];
        let console = ["<script src=\"http://example.org/x\">\x1b[31m".to_owned(), "@fork | CPU0".to_owned()];
        let run = Run {
            name: "6.1-slim <with>".into(),
            facts: vec![("Release", "a & b".into())],
            wrong: vec![],
            remarks: vec!["odd".into()],
            series: &series,
            isolated: 1,
            console: &console,
        };
        let report = Report {
            title: "t".into(),
            verdict: "v".into(),
            good: true,
            runs: vec![run],
            packages: vec![("linux-image".into(), "1".into())],
        };
        let html = html(&report);
        assert!(html.contains("&lt;script src=&quot;http://example.org/x&quot;&gt;[31m"), "{html}");
        assert!(
            !html.contains("<script") && !html.contains("src=\"") && !html.contains("href=") && !html.contains("url(")
        );
        assert!(html.contains("default-src 'none'") && !html.contains("@fork |") && html.contains("polyline"));
        assert!(html.contains("a &amp; b") && html.contains("6.1-slim &lt;with&gt;"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (n, want) in [(1.0, 1.0), (1.5, 2.0), (101.0, 200.0), (250.0, 400.0), (405.0, 1000.0)] {
            assert!((nice(n) - want).abs() < 1e-9, "{n}");
        }
    }
}
