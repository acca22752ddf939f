"""The row `inputs` of tools/faults: every kind of input, damaged in a thousand ways, and what may come of it."""

import bz2
import csv
import functools
import gzip
import io
import json
import lzma
import math
import multiprocessing
import random
import re
import resource
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import faults_readers as readers
from faults_readers import Refused, Unsure

try:
    import tomllib
except ImportError:  # before Python 3.11
    tomllib = None

TIMEOUT = 20  # seconds
MEMORY = 1 << 20  # kB that no reading of a small file may take


class Wrong(Exception):
    """It does not hold."""


# ---- damage

NUMBERS = (
    "0 -1 1 -0 1e999 -1e999 nan -nan inf -inf 1e308 -1e308 1e-320 9223372036854775807 9223372036854775808 -9223372036854775809 4294967296 2147483648 0x10 1_000 1d0 1,5".split()
    + [""]
)
FOREIGN = [b"\n", b"\n\n", b"\r\n", b"\t", b" ", b"\0", b"\xff\xfe", b'"', b"#", b"=", b"[", b"]", b",", b":", "é".encode()]


def damage(content, dice, is_text):
    """One or, now and then, several random changes; half of them near the beginning, where the counts are."""
    content = bytearray(content)
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        if not content:
            break
        ways = ["cut", "flip", "flip", "delete", "insert", "repeat"]
        ways += ["word", "word", "word", "word", "swap", "lose", "double", "foreign"] if is_text else ["value", "value", "swap ranges"]
        change(content, dice, dice.choice(ways))
    return bytes(content)


def change(content, dice, way):
    reach = len(content) if dice.random() < 0.5 else min(len(content), 400)
    at = dice.randrange(reach)
    length = dice.choice([1, 1, 2, 4, 8, 40, 400])
    if way == "cut":
        del content[dice.randrange(len(content)) :]
    elif way == "flip":
        content[at] ^= 1 << dice.randrange(8)
    elif way == "delete":
        del content[at : at + length]
    elif way == "insert":
        content[at:at] = dice.randbytes(length)
    elif way == "repeat":
        content[at:at] = content[at : at + length]
    elif way == "foreign":
        content[at:at] = dice.choice(FOREIGN)
    elif way == "value":
        value = dice.choice([0, 1, -1, 2**31 - 1, -(2**31), 255, 1 << 16, len(content)])
        order = dice.choice("<>")
        raw = struct.pack(order + "i", value) if dice.random() < 0.7 else struct.pack(order + "f", dice.choice([math.nan, math.inf, -math.inf, 1e38]))
        content[at : at + len(raw)] = raw
    elif way == "swap ranges":
        other = dice.randrange(len(content))
        a, b = content[at : at + length], content[other : other + length]
        content[at : at + len(a)], content[other : other + len(b)] = a[: len(a)].ljust(len(a)), b.ljust(len(b))
    elif way == "word":
        words = [match.span() for match in re.finditer(rb"[^\s,=:\"\[\](){}]+", bytes(content[:reach]))]
        if words:
            start, end = dice.choice(words)
            content[start:end] = dice.choice(NUMBERS).encode()
    else:
        lines = bytes(content).split(b"\n")
        one, other = (dice.randrange(len(lines)) for _ in range(2))
        if way == "swap":
            lines[one], lines[other] = lines[other], lines[one]
        elif way == "lose":
            del lines[one]
        else:
            lines.insert(other, lines[one])
        content[:] = b"\n".join(lines)


# ---- what is damaged, and what reads it


class Subject:
    """A kind of input: a small sound file, the commands that read it, and what their answers are held to."""

    def __init__(self, ending, content, commands, judge, is_text=True, needs=()):
        self.ending, self.content, self.commands, self.judge, self.is_text, self.needs = ending, content, commands, judge, is_text, needs


def same_frames(found, expected, loose=False):
    """Holds what hyalo made of a file to what the plain reader made of it."""
    if len(found) != len(expected):
        raise Wrong(f"{len(found)} frames for {len(expected)}")
    for number, (ours, theirs) in enumerate(zip(found, expected)):
        if not loose and ours.step != theirs.step:
            raise Wrong(f"frame {number}: step {ours.step} for {theirs.step}")
        if ours.particles.keys() != theirs.particles.keys():
            raise Wrong(f"frame {number}: other ids")
        scale = 1.0
        if theirs.edges:
            scale = max(abs(value) for edge in theirs.edges for value in edge) + max(map(abs, theirs.origin))
            for a, b in zip([*ours.edges, ours.origin], [*theirs.edges, theirs.origin]):
                if not all(close(x, y, scale) for x, y in zip(a, b)):
                    raise Wrong(f"frame {number}: another cell")
        for identity, (species, position, images, further) in theirs.particles.items():
            mine = ours.particles[identity]
            reach = max(scale, *map(abs, position))
            if mine[0] != species or not all(close(x, y, reach) for x, y in zip(mine[1], position)):
                raise Wrong(f"frame {number}: particle {identity}: {mine[:2]} for {species} {position}")
            if images is not None and mine[2] != images:
                raise Wrong(f"frame {number}: particle {identity}: image flags {mine[2]} for {images}")
            for name, values in further.items():
                if name in mine[3] and not all(
                    x == y or x != x and y != y or close(x, y, abs(y)) if isinstance(y, float) else x == y for x, y in zip(mine[3][name], values)
                ):
                    raise Wrong(f"frame {number}: particle {identity}: {name} {mine[3][name]} for {values}")


def close(x, y, scale):
    return abs(x - y) <= 1e-12 * scale or x == y


def by_reader(reader, content, out):
    """Held to a plain reader: 'checked', 'unchecked' where it is not sure."""
    try:
        expected = reader(content)
    except Refused as refused:
        raise Wrong(f"read, but {refused}") from None
    except Unsure:
        readers.written(out)
        return "unchecked"
    same_frames(readers.written(out), expected)
    return "checked"


def sound_to(reader, content):
    try:
        return reader(content)
    except (Refused, Unsure):
        return None


def frames_of(reader, tells_all=True):
    """`convert` to extended XYZ has every number of the file; a reader that tells all knows also what must not be refused."""

    def judge(index, content, out, sound):
        return by_reader(reader, content, out)

    judge.reader = reader if tells_all else None
    return judge


def dump_judge(index, content, out, sound):
    if index == 0:
        return by_reader(readers.dump, content, out)
    try:
        expected = readers.squared_displacements(readers.dump(content))
    except Refused as refused:
        raise Wrong(f"read, but {refused}") from None
    except Unsure:
        return "unchecked"
    found = {(row["frame"], row["species"]): float(row["msd"]) for row in csv.DictReader(io.StringIO(out.decode()))}
    wanted = {(str(frame), name): value for frame, row in enumerate(expected) for name, value in row.items()}
    if found.keys() != wanted.keys():
        raise Wrong(f"rows {sorted(found)} for {sorted(wanted)}")
    for key, value in wanted.items():
        if not abs(found[key] - value) <= 1e-9 * max(abs(value), 1e-3):
            raise Wrong(f"msd of {key}: {found[key]} for {value}")
    return "checked"


dump_judge.reader = readers.dump


def unchanged(decompress):
    """A checksum: an answer only if the content is what it was."""

    def judge(index, content, out, sound):
        if out != sound:
            raise Wrong("another answer from a damaged file")
        return "checked"

    return judge


def finite_frames(index, content, out, sound):
    """Nothing but the form of the answer: whole frames of finite positions, no more than the file has room for."""
    frames = readers.written(out)
    values = sum(3 * len(frame.particles) for frame in frames)
    if values > 8 * max(len(content), 1) * 3:
        raise Wrong(f"{values} numbers from {len(content)} bytes")
    return "unchanged" if out == sound else "unchecked"


def anything(index, content, out, sound):
    return "unchanged" if out == sound else "unchecked"


def plan(content):
    """A protocol in other words: every table and array inline."""

    def text(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{json.dumps(key)} = {text(inner)}" for key, inner in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return json.dumps(value)
        return repr(value)

    return "".join(f"{json.dumps(key)} = {text(value)}\n" for key, value in content.items())


def same_as(rewrite, strip=lambda out: out):
    """The answer must be that to the same content written plainly by another program."""

    def judge(index, content, out, sound, again):
        try:
            plain = rewrite(content)
        except Unsure:
            return "unchecked"
        except Refused as refused:
            raise Wrong(f"read, but {refused}") from None
        code, other, stderr = again(plain.encode())
        if strip(other) != strip(out):
            raise Wrong(f"another answer than to the same content in plain words: {code} {stderr[:200]}")
        return "checked"

    judge.rewrites = True
    return judge


def toml(content):
    if tomllib is None:
        raise Unsure("no reader of TOML")
    try:
        written = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Refused("not text") from None
    # TOML 1.1 has line ends within braces, which tomllib does not know yet.
    joined = re.sub(r"\{[^{}]*\}", lambda braces: braces[0].replace("\n", " "), written)
    for text in written, joined:
        try:
            return plan(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            refused = Refused(f"no TOML: {error}")
    raise refused


FIELD = r'(?:"[^"]*"|[^",]*)'


def plain_csv(content):
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise Refused("not text") from None
    is_plain = re.compile(f"{FIELD}(?:,{FIELD})*")
    if any(not line.strip() or line.lstrip().startswith("#") or not is_plain.fullmatch(line) for line in lines) or "," not in lines[0]:
        raise Unsure("not plain")
    rows = list(csv.reader(lines))
    if any(len(row) != len(rows[0]) for row in rows):
        raise Refused("rows of different lengths")
    if all(readers.REAL.fullmatch(field.strip()) for field in rows[0]):
        raise Unsure("no names of columns")
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([field.strip() for field in row] for row in rows)
    return out.getvalue()


def diameters_judge(index, content, out, sound):
    """Every particle has the diameter that stands beside its id."""
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode().replace("\r\n", "\n"))) if row]
        names = rows[0]
        at, of = names.index("id"), names.index("diameter")
        table = {int(row[at]): float(row[of]) for row in rows[1:]}
    except (ValueError, IndexError, UnicodeDecodeError, csv.Error):
        return "unchecked" if out != sound else "unchanged"
    for frame in readers.written(out):
        for identity, (_, _, _, further) in frame.particles.items():
            if abs(2 * further["radius"][0] - table[identity]) > 1e-12 * table[identity]:
                raise Wrong(f"particle {identity}: {2 * further['radius'][0]} for {table[identity]}")
    return "checked"


def log_judge(index, content, out, sound):
    """Every temperature stands in a line of the log that begins with its step."""
    known = {}
    for line in content.decode(errors="replace").splitlines():
        words = line.split()
        if words and readers.WHOLE.fullmatch(words[0]):
            known.setdefault(int(words[0]), set()).update(word for word in words[1:])
    for row in csv.DictReader(io.StringIO(out.decode())):
        if not row["temperature"]:
            raise Wrong(f"no temperature at step {row['step']}")
        words = known.get(int(row["step"]), set())
        if not any(readers.REAL.fullmatch(word) and float(word) == float(row["temperature"]) for word in words):
            raise Wrong(f"step {row['step']}: temperature {row['temperature']} is not in the log")
    return "checked"


def filter_judge(index, content, out, sound):
    """Every cell has the structure to which the filter gives its code."""
    structures, names = {}, {}
    try:
        for line in content.decode().split("\n"):
            line = line.strip()
            if line.startswith("*"):
                number, name = line[1:].lstrip().split(None, 1)
                names[int(number)] = name.split("\t")[0].strip()
            elif line and not line.startswith("#"):
                number, rest = line.split("(", 1)
                code = ",".join(str(int(word)) for word in rest[: rest.index(")")].split(","))
                structures[f"({code})"] = int(number)
    except (ValueError, UnicodeDecodeError) as error:
        raise Wrong(f"read, but {error}") from None
    rows = csv.DictReader(io.StringIO(out.decode()))
    for row in rows:
        wanted = names.get(structures.get(row["code"]), "none")
        if (row["structure"] or "none") != wanted:
            raise Wrong(f"a cell {row['code']} is {row['structure']}, not {wanted}")
    return "checked"


def command(words, ending=""):
    """Arguments of hyalo with INPUT and OUT in their places."""

    def arguments(path, out):
        places = {"INPUT": str(path), "OUT": str(out)}
        return [functools.reduce(lambda word, place: word.replace(place, places[place]), places, word) for word in words.split()]

    arguments.ending = ending
    arguments.words = words
    return arguments


def head(content, marker, frames):
    """The first frames of a text."""
    starts = [match.start() for match in re.finditer(marker, content, re.MULTILINE)]
    return content[: starts[frames]] if len(starts) > frames else content


def subjects(hyalo, root, folder):
    """What is damaged, by name. Files that only hyalo can write are made first, in `folder`."""
    fixtures = root / "fixtures/lammps"
    convert = command("convert INPUT -q -o OUT.extxyz")
    wrapped = head((fixtures / "triclinic_wrapped.lammpstrj").read_bytes(), rb"^ITEM: TIME$", 2)
    xyz = head((fixtures / "triclinic.extxyz").read_bytes(), rb"^200$", 2)
    scaled = head(bz2.decompress((fixtures / "triclinic_scaled.lammpstrj.bz2").read_bytes()), rb"^ITEM: TIME$", 2)
    small = head((fixtures / "general.lammpstrj").read_bytes(), rb"^ITEM: TIMESTEP$", 1)

    def made(name, *arguments):
        done = subprocess.run([hyalo, *map(str, arguments), "--force"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"faults: hyalo {' '.join(map(str, arguments))}: {done.stderr}")
        return (folder / name).read_bytes()

    def data(name, style):
        content = (fixtures / name).read_bytes()
        return Subject(
            ".data",
            content,
            [command(f"convert INPUT -q --atom-style {style} -o OUT.extxyz")],
            frames_of(functools.partial(readers.data, style=style)),
        )

    log = head((fixtures / "triclinic.log").read_bytes(), rb"^Loop time", 9)
    result = {
        "text/dump": Subject(".lammpstrj", wrapped, [convert, command("msd INPUT -q -o OUT.csv")], dump_judge),
        "text/scaled": Subject(".lammpstrj", scaled, [convert], frames_of(readers.dump)),
        "text/general": Subject(
            ".lammpstrj", head((fixtures / "general.lammpstrj").read_bytes(), rb"^ITEM: TIMESTEP$", 2), [convert], frames_of(readers.dump)
        ),
        "text/sizes": Subject(
            ".lammpstrj", head((fixtures / "sphere.lammpstrj").read_bytes(), rb"^ITEM: TIMESTEP$", 2), [convert], frames_of(readers.dump)
        ),
        "text/xyz": Subject(".extxyz", xyz, [convert], frames_of(readers.xyz)),
        "text/data-atomic": data("comments.data", "atomic"),
        "text/data-charge": data("charge.data", "charge"),
        "text/data-labels": data("charge_labels.data", "charge"),
        "text/data-molecular": data("molecular.data", "molecular"),
        "text/data-full": data("full.data", "full"),
    }
    (folder / "sound.lammpstrj").write_bytes(wrapped)
    for ending, compress in [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", None)]:
        content = (
            compress(wrapped)
            if compress
            else made("sound.lammpstrj.zst", "convert", folder / "sound.lammpstrj", "-o", folder / "sound.lammpstrj.zst")
        )
        result[f"compressed/{ending}"] = Subject(f".lammpstrj.{ending}", content, [convert], unchanged(ending), is_text=False)
    result["chemfiles/dcd"] = Subject(
        ".dcd", (fixtures / "triclinic.dcd").read_bytes(), [convert], frames_of(readers.dcd, tells_all=False), is_text=False
    )
    dcd = fixtures / "triclinic.dcd"
    result["chemfiles/xtc"] = Subject(".xtc", (fixtures / "triclinic.xtc").read_bytes(), [convert], finite_frames, is_text=False)
    for ending, is_text in [("trr", 0), ("nc", 0), ("pdb", 1), ("gro", 1), ("cif", 1), ("mol2", 1), ("cml", 1), ("cssr", 1), ("arc", 1), ("sdf", 1)]:
        name = f"sound.{ending}"
        one = ["--frames", "0:2"] if ending in ("trr", "nc", "pdb", "gro") else ["--frames", "0"]
        content = made(name, "convert", dcd, *one, "-o", folder / name)
        result[f"chemfiles/{ending}"] = Subject(f".{ending}", content, [convert], finite_frames, is_text=bool(is_text))
    for name in ("short", "full"):
        content = (root / f"fixtures/protocols/good/{name}.toml").read_bytes()
        dry = command("simulate INPUT --dry-run -q", ".toml")
        judge = same_as(toml, lambda out: re.sub(rb"[\d.]+ (s|min|h|days?|years?)$", b"", re.sub(rb" +", b" ", out), flags=re.MULTILINE))
        result[f"protocols/{name}"] = Subject(".toml", content, [dry], judge, needs=[root / "fixtures/protocols/good/diameters.csv"])
    result["tables/log-temperatures"] = Subject(".log", log, [command(f"msd {folder}/sound.lammpstrj -q --temperature INPUT -o OUT.csv")], log_judge)
    result["tables/log-energies"] = Subject(
        ".log", (fixtures / "heat.log").read_bytes(), [command("tg-fit INPUT -q --label run --replicates 100 -o OUT.csv")], anything
    )
    (folder / "small.lammpstrj").write_bytes(small)
    codes = made("codes.csv", "icosa", folder / "small.lammpstrj", "--table", f"codes={folder}/codes.csv", "--top", 12, "-o", folder / "ignored.csv")
    rows = list(csv.DictReader(io.StringIO(codes.decode())))
    structures = "# by hand\n*\t1\tMany\tthe commonest\n*\t2\tFew\n" + "".join(f"{1 + (at > 5)}\t{row['code']}\n" for at, row in enumerate(rows))
    result["tables/filter"] = Subject(
        ".filter",
        structures.encode(),
        [
            command(
                f"icosa {folder}/small.lammpstrj -q --filter INPUT --table particles=OUT.csv -o {folder}/ignored --force".replace(
                    f"-o {folder}/ignored", "-o /dev/null"
                )
            )
        ],
        filter_judge,
    )
    dice = random.Random(1)
    table = "id,diameter\n" + "".join(f"{identity},{dice.uniform(0.8, 1.2)!r}\n" for identity in range(1, 55))
    with_diameters = command(f"convert {folder}/small.lammpstrj -q --diameters INPUT -o OUT.extxyz", ".csv")
    result["tables/diameters.csv"] = Subject(".csv", table.encode(), [with_diameters], diameters_judge)
    (folder / "diameters.csv").write_text(table)
    for ending in ("parquet", "arrow", "ndjson"):
        content = made(
            f"cells.{ending}",
            "voronoi",
            folder / "small.lammpstrj",
            "--diameters",
            folder / "diameters.csv",
            "--table",
            f"particles={folder}/cells.{ending}",
            "-o",
            "/dev/null",
        )
        result[f"tables/diameters.{ending}"] = Subject(
            f".{ending}", content, [command(with_diameters.words, f".{ending}")], anything, is_text=ending == "ndjson"
        )
    rates = (root / "fixtures/reproduction/laptop/tables/rates.csv").read_bytes()
    result["tables/rates.csv"] = Subject(".csv", rates, [command("rate-fit INPUT -q --replicates 100 -o OUT.csv", ".csv")], same_as(plain_csv))
    for ending in ("csv", "parquet", "arrow"):
        content = made(
            f"msd.{ending}", "msd", fixtures / "heat_wrapped.lammpstrj.gz", "--temperature", "ramp:0.1:0.9", "-o", folder / f"msd.{ending}"
        )
        judge = same_as(plain_csv) if ending == "csv" else anything
        result[f"tables/msd.{ending}"] = Subject(
            f".{ending}", content, [command("tg-fit INPUT -q --label run --replicates 100 -o OUT.csv", f".{ending}")], judge, is_text=ending == "csv"
        )
    return result


# ---- one damaged input


def told(code, stderr, codes):
    """Checks how a run ended: with one of the codes, and a refusal with one line that says what to do."""
    if code < 0 or code == 101 or "panicked" in stderr:
        raise Wrong(f"ended with {code}: {stderr[:300]}")
    if code not in codes:
        raise Wrong(f"exit code {code}: {stderr[:300]}")
    lines = stderr.splitlines()
    if code == 2 and (len(lines) != 1 or not lines[0].startswith("hyalo: ") or ";" not in lines[0]):
        raise Wrong(f"not one line with what to do: {stderr[:300]!r}")


def attempt(work):
    """Damages an input, reads it, and says what came of it."""
    name, number, seed, hyalo, root, base = work
    subject = SUBJECTS[name]
    dice = random.Random(f"{seed} {name} {number}")
    content = damage(subject.content, dice, subject.is_text)
    verdicts = []
    with tempfile.TemporaryDirectory(dir=base) as folder:
        folder = Path(folder)
        for needed in subject.needs:
            shutil.copy(needed, folder)
        path = folder / f"input{subject.ending}"
        path.write_bytes(content)
        try:
            for index, arguments in enumerate(subject.commands):
                verdicts.append(judged(subject, index, arguments, path, content, folder, hyalo))
        except Wrong as wrong:
            kept = base.parent / f"{name.replace('/', '-')}-{number}{subject.ending}"
            kept.write_bytes(content)
            verdicts.append(f"wrong: hyalo {' '.join(arguments(kept, 'OUT'))}: {wrong}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if memory > MEMORY:
        verdicts.append(f"wrong: {memory // 1024} MB for input {number}")
    return name, number, verdicts, memory


def answer(arguments, path, folder, hyalo):
    """Runs a command: its exit code, what it wrote, and what it said."""
    try:
        done = subprocess.run([hyalo, *arguments(path, folder / "out")], capture_output=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Wrong(f"no end in {TIMEOUT} s") from None
    stderr = done.stderr.decode(errors="replace")
    written = [file for file in folder.iterdir() if file.name.startswith(("out", ".hyalo"))]
    if done.returncode == 2 and written or any(file.name.startswith(".") for file in written):
        raise Wrong(f"left {[file.name for file in written]}: {stderr}")
    out = b"".join(file.read_bytes() for file in written) or done.stdout
    for file in written:
        file.unlink()
    return done.returncode, out, stderr


def judged(subject, index, arguments, path, content, folder, hyalo):
    code, out, stderr = answer(arguments, path, folder, hyalo)
    told(code, stderr, (0, 1, 2) if arguments.words.startswith(("tg-fit", "rate-fit")) else (0, 2))
    if code == 2:
        reader = getattr(subject.judge, "reader", None)
        if reader and index == 0 and sound_to(reader, content) is not None:
            raise Wrong(f"refused, but sound: {stderr}")
        return "refused"

    def again(plain):
        path.write_bytes(plain)
        return answer(arguments, path, folder, hyalo)

    further = [again] if getattr(subject.judge, "rewrites", False) else []
    try:
        return subject.judge(index, content, out, subject.sound[index], *further)
    except (Refused, Unsure, ValueError, KeyError, TypeError, IndexError) as error:
        raise Wrong(f"the answer cannot be read: {type(error).__name__}: {error}") from None


NAMES = (
    [f"text/{name}" for name in "dump scaled general sizes xyz data-atomic data-charge data-labels data-molecular data-full".split()]
    + [f"compressed/{name}" for name in "gz bz2 xz zst".split()]
    + [f"chemfiles/{name}" for name in "dcd xtc trr nc pdb gro cif mol2 cml cssr arc sdf".split()]
    + ["protocols/short", "protocols/full"]
    + [f"tables/{name}" for name in "log-temperatures log-energies filter diameters.csv diameters.parquet diameters.arrow diameters.ndjson".split()]
    + [f"tables/{name}" for name in "rates.csv msd.csv msd.parquet msd.arrow".split()]
)
SUBJECTS = {}


def prepare(hyalo, root, folder):
    """Makes the sound inputs and notes what hyalo says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    SUBJECTS.update(subjects(hyalo, root, folder))
    assert list(SUBJECTS) == NAMES
    for name, subject in SUBJECTS.items():
        subject.sound = []
        with tempfile.TemporaryDirectory(dir=folder) as place:
            place = Path(place)
            for needed in subject.needs:
                shutil.copy(needed, place)
            path = place / f"input{subject.ending}"
            path.write_bytes(subject.content)
            for arguments in subject.commands:
                code, out, stderr = answer(arguments, path, place, hyalo)
                if code not in (0, 1):
                    raise SystemExit(f"faults: the sound input {name} is refused: {stderr}")
                subject.sound.append(out)


def inputs(names, times, seed, hyalo, root, base):
    """Damages each of these inputs so many times; yields name, verdicts counted, what was wrong, peak memory in kB."""
    with multiprocessing.Pool(2) as pool:
        for name in names:
            work = [(name, number, seed, hyalo, root, base) for number in range(times)]
            counts, wrong, peak = {}, [], 0
            for _, number, verdicts, memory in pool.imap_unordered(attempt, work, chunksize=4):
                peak = max(peak, memory)
                for verdict in verdicts:
                    if verdict.startswith("wrong: "):
                        wrong.append((number, verdict[7:]))
                    kind = verdict.split(":")[0]
                    counts[kind] = counts.get(kind, 0) + 1
            yield name, counts, sorted(wrong), peak
