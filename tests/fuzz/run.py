"""Many nets, in child processes, and a table of what came out."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import selectors
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Iterator

from tqdm import tqdm

from gradcam_mx._mxnet import mx

from .judge import judged
from .nets import KINDS, make
from .questions import QUESTIONS
from .recipe import Recipe
from .shrink import outcome_apart, smallest

GROUP = 200
"""Nets of a child process."""

MOST_MEMORY = 1.2e6
"""Kilobytes from which on a child ends early and another goes on."""

LONGEST = 180
"""Seconds that one net may take."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 if there were faults."""
    options = parsed(arguments)
    kinds = frozenset(options.only or KINDS) - frozenset(options.without)
    if options.recipe:
        told(judged(pickle.loads(options.recipe.read_bytes()), options.seeds or None))
        return 0
    if options.child:
        return child(int(options.seeds[0]), options.nets, kinds)
    if options.seeds:
        return looked_at([int(seed) for seed in options.seeds], kinds, options)
    seeds = range(options.first, options.first + options.nets)
    log = options.log.open("a") if options.log else None
    outcomes = []
    for outcome in many(seeds, kinds):
        outcomes.append(outcome)
        if log:
            log.write(json.dumps(outcome) + "\n")
            log.flush()
    print(table(outcomes, len(seeds)))
    return int(any(outcome["result"] == "fault" for outcome in outcomes))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""

    def names(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        if set(found) - set(KINDS):
            raise argparse.ArgumentTypeError(f"the switches are {', '.join(KINDS)}")
        return found

    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("seeds", nargs="*", help="nets to look at one by one")
    parser.add_argument("--nets", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--without", type=names, default=[], help="switches off: a,b")
    parser.add_argument("--only", type=names, default=[], help="switches on: a,b")
    parser.add_argument("--ask", type=lambda t: t.split(","), help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument("--log", type=Path, help="each outcome as a line of JSON")
    parser.add_argument(
        "--smallest", action="store_true", help="shrink the nets that are looked at"
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--recipe", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def told(outcomes: list) -> None:
    """A line of JSON each."""
    for outcome in outcomes:
        print(json.dumps(outcome.as_dict()), flush=True)


def child(first: int, count: int, kinds: frozenset) -> int:
    """Judge some nets; say before each which one, since the interpreter may not come back."""
    for seed in range(first, first + count):
        print(json.dumps({"begin": seed}), flush=True)
        told(judged(make(seed, kinds)))
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MOST_MEMORY:
            break
    print(json.dumps({"next": seed + 1}), flush=True)
    return 0


def many(seeds: range, kinds: frozenset) -> Iterator[dict]:
    """The outcomes of all nets; a child that dies is a fault of the net at which it did."""
    at = seeds.start
    with tqdm(total=len(seeds), unit="net", mininterval=2) as bar:
        while at < seeds.stop:
            begun = following = at
            for line in lines_of_child(at, min(GROUP, seeds.stop - at), kinds):
                if "begin" in line:
                    following = line["begin"] + 1
                elif "next" in line:
                    following = line["next"]
                else:
                    yield line
                bar.update(following - at - 1 if "begin" in line else following - at)
                at = following - 1 if "begin" in line else following
            at = max(following, begun + 1)


def lines_of_child(first: int, count: int, kinds: frozenset) -> Iterator[dict]:
    """What a child says, and a fault if it ends otherwise than it should."""
    command = [sys.executable, "-m", "fuzz", "--child", str(first), "--nets", str(count)]
    command += ["--only", ",".join(sorted(kinds))]
    environment = {**os.environ, "MXNET_SUBGRAPH_VERBOSE": "0"}
    with tempfile.TemporaryFile("w+") as noise:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=noise, text=True, env=environment
        )
        seed, ended = first, False
        for text in lines_in_time(process):
            if not text.startswith("{"):
                continue
            line = json.loads(text)
            seed, ended = line.get("begin", seed), "next" in line
            yield line
        code = process.wait()
        if not ended:
            noise.seek(0)
            said = [line for line in noise.read().splitlines() if "mkldnn_pooling" not in line]
            yield {
                "seed": seed,
                "check": "process",
                "result": "fault",
                "reason": f"the process ends with {code}" if code != -9 else "takes too long",
                "detail": " / ".join(said[-6:])[-1500:],
                "kinds": sorted(make(seed, kinds).kinds),
            }


def lines_in_time(process: subprocess.Popen) -> Iterator[str]:
    """The lines of a process, which is killed when it says nothing for too long."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(LONGEST):
                process.kill()
                return
            text = process.stdout.readline()
            if not text:
                return
            yield text


def table(outcomes: list[dict], nets: int) -> str:
    """Counts, refusals and unsure ones by reason, faults with what shows them."""
    counts = Counter((outcome["check"], outcome["result"]) for outcome in outcomes)
    results = ("right", "refused", "fault", "unsure", "unusable")
    lines = [f"{nets} nets", f"{'':22}" + "".join(f"{result:>10}" for result in results)]
    for check in sorted({outcome["check"] for outcome in outcomes}):
        numbers = "".join(f"{counts[check, result]:10}" for result in results)
        lines.append(f"{check:22}{numbers}")
    for result in ("unusable", "unsure", "refused", "fault"):
        by_reason: dict = defaultdict(list)
        for outcome in outcomes:
            if outcome["result"] == result:
                by_reason[outcome["reason"]].append(outcome)
        if by_reason:
            lines += ["", f"{result}:"]
        for reason, found in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
            seeds = sorted({outcome["seed"] for outcome in found})
            lines.append(f"  {len(found):5}  {reason}")
            always = set.intersection(*(set(outcome["kinds"]) for outcome in found)) - {"plain"}
            lines.append(f"         nets {seeds[:8]}; always {sorted(always)}")
            if result == "fault":
                first = min(found, key=lambda outcome: outcome["seed"])
                asked = f" --ask {first['check']}" if first["check"] in QUESTIONS else ""
                lines.append(f'         make fuzz ARGS="{first["seed"]} --smallest{asked}"')
    return "\n".join(lines)


def outcomes_here(recipe: Recipe, asked: list[str]) -> list[dict]:
    """What comes of a smaller recipe, which may be no net at all."""
    try:
        return [outcome.as_dict() for outcome in judged(recipe, asked)]
    except (mx.MXNetError, KeyError, ValueError, TypeError, IndexError):
        return []


def looked_at(seeds: list[int], kinds: frozenset, options: argparse.Namespace) -> int:
    """Each net, what is asked and what comes; 1 if there were faults."""
    faults = 0
    for seed in seeds:
        recipe = make(seed, kinds)
        print(f"net {seed}: {recipe}", flush=True)
        for outcome in outcome_apart(recipe, options.ask or []):
            crashed = outcome["check"] == "process"
            print(f"  {outcome['check']}: {outcome['result']}  {outcome.get('detail', '')}")
            if outcome["result"] != "fault":
                continue
            faults += 1
            if options.smallest:
                asked = [outcome["check"]] if outcome["check"] in QUESTIONS else []

                def same(new, asked=asked, reason=outcome["reason"], crashed=crashed):
                    found = outcome_apart(new, asked) if crashed else outcomes_here(new, asked)
                    return any(one["reason"] == reason for one in found)

                small = smallest(recipe, same)
                print(f"  the smallest with it: {small}")
                for other in outcome_apart(small, asked):
                    print(f"    {other['check']}: {other['result']}  {other.get('detail', '')}")
                break
    return int(faults > 0)
