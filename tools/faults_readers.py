"""Slow, plain readers of the text formats, the oracle of `tools/faults inputs`: they share no code with hyalo."""

import re
import struct


class Refused(Exception):
    """The input is not sound."""


class Unsure(Exception):
    """Whether the input is sound is not for this reader to tell."""


REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d+")
BLANKS = re.compile(r"[ \t\r]+")


def real(word):
    if not REAL.fullmatch(word):
        raise Refused(f"'{word}' is no number")
    return float(word)


def finite(word):
    value = real(word)
    if value != value or abs(value) == float("inf"):
        raise Refused(f"'{word}' is not finite")
    return value


def whole(word, low=-(2**63), high=2**63 - 1):
    if not WHOLE.fullmatch(word) or not low <= int(word) <= high:
        raise Refused(f"'{word}' is no whole number")
    return int(word)


def words_of(line):
    return [word for word in BLANKS.split(line) if word]


def lines_of(content):
    """The lines of a text; the last one must have its end, or the file may have been cut there."""
    lines = content.split(b"\n")
    if lines.pop():
        raise Refused("the last line has no end")
    return lines


def text(line):
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Refused("not text") from None


def volume(edges):
    (a, b, c), (d, e, f), (g, h, i) = edges
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


class Frame:
    """Particles by id: species, position, image flags and further columns."""

    def __init__(self):
        self.step, self.edges, self.origin, self.particles, self.columns = None, None, [0.0] * 3, {}, {}

    def add(self, identity, species, position, images, further):
        if identity in self.particles:
            raise Refused(f"two particles have the id {identity}")
        self.particles[identity] = (species, position, images, further)

    def sound(self):
        if self.edges and not 1e-12 * max(sum(value * value for value in edge) for edge in self.edges) ** 1.5 < volume(self.edges) < float("inf"):
            raise Refused("the cell has no volume, or is too flat")
        for _, position, _, _ in self.particles.values():
            if any(value != value or abs(value) == float("inf") for value in position):
                raise Refused("a position is not finite")
        return self


# What LAMMPS calls the columns that hyalo gives other names.
VECTORS = {"velo": ["vx", "vy", "vz"], "forces": ["fx", "fy", "fz"], "radius": ["radius"], "mass": ["mass"]}


def dump(content):
    """The frames of a LAMMPS dump of whole or scaled positions."""
    lines = iter(lines_of(content))
    frames = []

    def following():
        for line in lines:
            return text(line)
        raise Refused("the header is cut short")

    for line in lines:
        line = item_of(text(line))
        if not line:
            continue
        frame, count, header = Frame(), None, None
        while not line.startswith("ITEM: ATOMS"):
            item = line[5:].strip() if line.startswith("ITEM:") else None
            if item == "TIMESTEP":
                frame.step = whole(following().strip())
            elif item == "TIME":
                finite(following().strip())
            elif item == "UNITS":
                following()
            elif item == "NUMBER OF ATOMS":
                count = whole(following().strip(), low=0)
            elif item is not None and item.startswith("BOX BOUNDS"):
                header = item[len("BOX BOUNDS") :].split()
                rows = [[finite(word) for word in words_of(following())] for _ in range(3)]
                frame.edges, frame.origin = box(header, rows)
            else:
                raise Refused(f"'{line}' is no item")
            line = item_of(following())
        if frame.step is None or count is None:
            raise Refused("no step or no count")
        names = line[len("ITEM: ATOMS") :].split()
        for _ in range(count):
            words = words_of(following())
            if len(words) != len(names):
                raise Refused("a row has another number of words than there are columns")
            add_atom(frame, dict(zip(names, words)), names)
        frames.append(frame.sound())
    if not frames:
        raise Refused("no frame")
    return frames


def item_of(line):
    """A line, with one blank behind ITEM: whatever stands there."""
    return re.sub(r"^ITEM:[ \t]*", "ITEM: ", line.strip())


def box(header, rows):
    kind = "general" if header[:2] == ["abc", "origin"] else "tilted" if header[:3] == ["xy", "xz", "yz"] else "plain"
    flags = header[{"general": 2, "tilted": 3, "plain": 0}[kind] :]
    if len(flags) not in (0, 3) or any(len(row) != {"general": 4, "tilted": 3, "plain": 2}[kind] for row in rows):
        raise Refused("the bounds of the box")
    if not all(re.fullmatch("[pfsm]{1,2}", flag) for flag in flags):
        raise Refused("the flags of the box")
    if kind == "general":
        return [row[:3] for row in rows], [row[3] for row in rows]
    xy, xz, yz = (row[2] if kind == "tilted" else 0.0 for row in rows)
    low = [rows[0][0] - min(0.0, xy, xz, xy + xz), rows[1][0] - min(0.0, yz), rows[2][0]]
    high = [rows[0][1] - max(0.0, xy, xz, xy + xz), rows[1][1] - max(0.0, yz), rows[2][1]]
    if any(b <= a for a, b in zip(low, high)):
        raise Refused("the box has no extent")
    lengths = [b - a for a, b in zip(low, high)]
    return [[lengths[0], 0.0, 0.0], [xy, lengths[1], 0.0], [xz, yz, lengths[2]]], low


def add_atom(frame, atom, names):
    for name in ("id", "type", "ix", "iy", "iz"):
        if name in atom:
            whole(atom[name])
    if "id" not in atom or "type" not in atom or len(atom) != len(names):
        raise Unsure("a damaged list of columns")
    if all(name in atom for name in "xyz"):
        position = [real(atom[name]) for name in "xyz"]
    elif all(name in atom for name in ("xs", "ys", "zs")) and frame.edges:
        s = [real(atom[name]) for name in ("xs", "ys", "zs")]
        position = [frame.origin[k] + sum(s[j] * frame.edges[j][k] for j in range(3)) for k in range(3)]
    else:
        raise Unsure("no positions that this reader knows")
    images = [whole(atom[name], -(2**31), 2**31 - 1) for name in ("ix", "iy", "iz")] if {"ix", "iy", "iz"} <= atom.keys() else None
    further = {}
    for name, parts in VECTORS.items():
        if all(part in atom for part in parts):
            further[name] = [real(atom[part]) for part in parts]
    if "diameter" in atom:
        real(atom.get("radius", "0"))
        further["radius"] = [real(atom["diameter"]) / 2]
    for name in ("radius", "mass"):
        if name in further and not abs(further[name][0]) < float("inf"):
            raise Refused(f"a {name} that is not finite")
    frame.add(whole(atom["id"]), str(whole(atom["type"])), position, images, further)


KEY = re.compile(r'([^\s="\'{}\[\]\\]+)(?:=(?:"([^"\\]*)"|([^\s"\'{}\[\]\\=]+)))?(?=\s|$)')
# As hyalo writes them: anything may stand between quotes.
WRITTEN = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))(?=\s|$)')


def xyz(content, grammar=KEY):
    """The frames of an extended XYZ file."""
    lines = iter(lines_of(content))
    frames = []
    for line in lines:
        line = text(line).strip()
        if not line:
            continue
        count = whole(line, low=0)
        try:
            comment = text(next(lines))
        except StopIteration:
            raise Refused("the header is cut short") from None
        keys, at = {}, 0
        for match in grammar.finditer(comment):
            if comment[at : match.start()].strip():
                raise Unsure("a comment line that is not plain")
            key, at = match.group(1), match.end()
            if key in keys and (match.group(0) != key or keys[key] is not None):
                raise Refused("a key twice")
            keys[key] = match.group(2) if match.group(2) is not None else match.group(3)
        if comment[at:].strip() or "Properties" not in keys or "Lattice" not in keys:
            raise Unsure("a comment line that is not plain")
        parts = (keys["Properties"] or "").split(":")
        if len(parts) % 3 or not all(WHOLE.fullmatch(width) for width in parts[2::3]):
            raise Refused("Properties")
        fields = [(name, kind, int(width)) for name, kind, width in zip(parts[::3], parts[1::3], parts[2::3])]
        if len({name for name, _, _ in fields}) < len(fields) or not {"species", "pos"} <= {name for name, _, _ in fields}:
            raise Unsure("Properties")
        frame = Frame()
        lattice = [finite(word) for word in (keys["Lattice"] or "").split()]
        if len(lattice) != 9:
            raise Refused("Lattice")
        frame.edges = [lattice[:3], lattice[3:6], lattice[6:]]
        if "Origin" in keys:
            frame.origin = [finite(word) for word in (keys["Origin"] or "").split()]
            if len(frame.origin) != 3:
                raise Refused("Origin")
        if "pbc" in keys and not re.fullmatch(r"([TF]\s+){2}[TF]", (keys["pbc"] or "").strip()):
            raise Unsure("pbc")
        step = keys.get("Timestep")
        frame.step = int(step) if step and WHOLE.fullmatch(step) and abs(int(step)) < 2**63 else None
        for row in range(count):
            try:
                words = words_of(text(next(lines)))
            except StopIteration:
                raise Refused("a frame is cut short") from None
            if len(words) != sum(width for _, _, width in fields):
                raise Refused("a row has another number of words than Properties")
            values, position, at = {}, None, 0
            for name, kind, width in fields:
                piece, at = words[at : at + width], at + width
                if kind == "R":
                    piece = [real(word) for word in piece]
                elif kind == "I":
                    piece = [whole(word) for word in piece]
                elif kind != "S":
                    raise Unsure("a column of another kind")
                values[name] = piece
            position = values.pop("pos")
            if len(position) != 3 or isinstance(position[0], str):
                raise Refused("pos")
            identity = values.pop("id")[0] if "id" in values else row + 1
            images = values.pop("map_shift", None)
            values.pop("Z", None)
            frame.add(identity, values.pop("species")[0], position, images, values)
        frames.append(frame.sound())
    if not frames:
        raise Refused("no frame")
    return frames


SECTIONS = ["Atoms", "Velocities", "Masses", "Bonds", "Angles", "Atom Type Labels"]


def data(content, style):
    """The frame of a LAMMPS data file of a known atom style."""
    columns = {
        "atomic": "id type x y z",
        "charge": "id type q x y z",
        "molecular": "id mol type x y z",
        "full": "id mol type q x y z",
        "sphere": "id type diameter density x y z",
    }[style].split()
    lines = [text(line).strip(" \t\r\v\f") for line in lines_of(content)]
    lines, hints = [line.split("#")[0].strip(" \t\r\v\f") for line in lines], [line.partition("#")[2].strip() for line in lines]
    frame, counts, bounds, tilt = Frame(), {}, {}, [0.0] * 3
    step = re.search(r"timestep = ([+-]?\d+)(?=[, ]|$)", text(content.split(b"\n")[0]))
    frame.step = int(step.group(1)) if step and abs(int(step.group(1))) < 2**63 else None
    at = 1
    while at < len(lines) and lines[at] not in SECTIONS and not lines[at].endswith((" Coeffs", " Labels")):
        words = BLANKS.split(lines[at]) if lines[at] else []
        if words[1:] in (["atoms"], ["atom", "types"]):
            if not re.fullmatch(r"\+?\d+", words[0]):
                raise Refused("a count")
            counts[words[-1]] = whole(words[0], low=0)
        elif len(words) == 4 and words[2][1:] == "lo" and words[3][1:] == "hi" and words[2][0] == words[3][0] in "xyz":
            bounds[words[2][0]] = [finite(word) for word in words[:2]]
        elif words[3:] == ["xy", "xz", "yz"]:
            tilt = [finite(word) for word in words[:3]]
        elif words[1:] in (["bonds"], ["angles"], ["bond", "types"], ["angle", "types"]):
            whole(words[0])
        elif words:
            raise Unsure("a line of the header")
        at += 1
    velocities, names, labels, known = None, {}, {}, []
    while at < len(lines):
        section, hint = lines[at], hints[at]
        if not section:
            at += 1
            continue
        if section not in SECTIONS:
            raise Unsure("a section that this reader does not know")
        if section in known:
            raise Refused("a section twice")
        known.append(section)
        if section in ("Bonds", "Angles"):
            if at + 1 >= len(lines) or lines[at + 1]:
                raise Refused("no blank line")
            at += 2
            while at < len(lines) and lines[at]:
                at += 1
            continue
        if section == "Atoms" and hint and hint.split()[0] != style:
            raise Unsure("another atom style")
        wanted = counts.get("types" if section in ("Masses", "Atom Type Labels") else "atoms")
        if wanted is None or at + 1 >= len(lines) or lines[at + 1]:
            raise Refused("no count, or no blank line")
        if hints[at + 1]:
            raise Unsure("a comment in place of a blank line")
        rows = [BLANKS.split(line) if line else [] for line in lines[at + 2 : at + 2 + wanted]]
        if len(rows) < wanted or not all(rows):
            raise Refused("too few rows")
        at += 2 + wanted
        if section in ("Masses", "Atom Type Labels") and len({row[0] for row in rows}) < len(rows):
            raise Refused("a type twice")
        if section == "Masses":
            for row in rows:
                if len(row) != 2 or not 0 < finite(row[1]):
                    raise Unsure("a mass")
            names = {row[0]: hint for row, hint in zip(rows, hints[at - wanted : at])}
        elif section == "Atom Type Labels":
            if any(len(row) != 2 for row in rows):
                raise Unsure("a label")
            labels = dict(rows)
        elif section == "Velocities":
            if any(len(row) != 4 for row in rows):
                raise Unsure("velocities of another style")
            velocities = {whole(row[0]): [real(word) for word in row[1:]] for row in rows}
            if len(velocities) < len(rows):
                raise Refused("velocities twice")
        else:
            numbered = {bool(WHOLE.fullmatch(row[columns.index("type")])) for row in rows if len(row) >= len(columns)}
            if len(numbered) > 1:
                raise Unsure("types by number and by label")
            for row in rows:
                if len(row) not in (len(columns), len(columns) + 3) or len(row) != len(rows[0]):
                    raise Refused("a row of Atoms")
                atom = dict(zip(columns, row))
                whole(atom.get("mol", "0"))
                real(atom.get("q", "0"))
                if atom["type"] not in labels.values() and not 1 <= whole(atom["type"]) <= counts.get("types", 0):
                    raise Refused("a type")
                images = [whole(word, -(2**31), 2**31 - 1) for word in row[len(columns) :]] or None
                frame.add(whole(atom["id"]), atom["type"].lstrip("+0"), [real(atom[name]) for name in "xyz"], images, {})
    if len(bounds) < 3 or len(frame.particles) != counts.get("atoms"):
        raise Refused("no box, or no atoms")
    if velocities is not None and set(velocities) != set(frame.particles):
        raise Refused("velocities of others")
    for key in [*names, *labels]:
        if key not in labels.values() and not (WHOLE.fullmatch(key) and 1 <= int(key) <= counts.get("types", 0)):
            raise Refused("a mass or label of no type")
    if labels:
        if not all(WHOLE.fullmatch(number) for number in labels) or len(set(labels.values())) < len(labels):
            raise Unsure("labels")
        names = labels
    elif not all(hint and not hint.split()[1:] for hint in names.values()) or len(set(names.values())) < len(names):
        names = {}
    for identity, (species, *rest) in frame.particles.items():
        frame.particles[identity] = (names.get(species, species), *rest)
    low, high = ([bounds[axis][end] for axis in "xyz"] for end in (0, 1))
    lengths = [b - a for a, b in zip(low, high)]
    if min(lengths) <= 0:
        raise Refused("the box has no extent")
    frame.edges, frame.origin = [[lengths[0], 0.0, 0.0], [tilt[0], lengths[1], 0.0], [tilt[1], tilt[2], lengths[2]]], low
    return [frame.sound()]


def dcd(content):
    """The frames of a DCD file with 4-byte markers in this byte order, as LAMMPS writes it."""
    at = 0

    def record():
        nonlocal at
        if at + 4 > len(content):
            raise Refused("cut short")
        (length,) = struct.unpack_from("<i", content, at)
        if length < 0 or at + 8 + length > len(content):
            raise Refused("cut short")
        piece, end = content[at + 4 : at + 4 + length], struct.unpack_from("<i", content, at + 4 + length)[0]
        if end != length:
            raise Refused("markers differ")
        at += 8 + length
        return piece

    header = record()
    if len(header) != 84 or header[:4] != b"CORD":
        raise Refused("no DCD")
    control = struct.unpack("<20i", header[4:])
    if control[8] != 0 or control[10] != 1 or control[11] != 0 or control[19] == 0:
        raise Unsure("another variety")
    record()
    piece = record()
    if len(piece) != 4 or struct.unpack("<i", piece)[0] < 1:
        raise Refused("no count")
    (count,) = struct.unpack("<i", piece)
    frames = []
    while at < len(content):
        cell = record()
        axes = [record() for _ in range(3)]
        if len(cell) != 48 or any(len(axis) != 4 * count for axis in axes):
            raise Refused("a frame of another size")
        frame = Frame()
        if control[1] >= 0 and control[2] > 0:
            frame.step = control[1] + len(frames) * control[2]
        for index, position in enumerate(zip(*(struct.unpack(f"<{count}f", axis) for axis in axes))):
            frame.add(index + 1, "X", list(position), None, {})
        frames.append(frame.sound())
    if not frames or control[0] > len(frames):
        raise Refused("fewer frames than the header says")
    return frames


def squared_displacements(frames):
    """⟨Δr²⟩ of the particles from the first frame, less the drift of the geometric centre: of all of them, and by species."""
    first = frames[0]
    unwrapped = []
    for frame in frames:
        if set(frame.particles) != set(first.particles):
            raise Refused("the ids change")
        at = {}
        for identity, (_, position, images, _) in frame.particles.items():
            if images is None:
                raise Unsure("no image flags")
            at[identity] = [position[k] + sum(images[j] * frame.edges[j][k] for j in range(3)) for k in range(3)]
        unwrapped.append(at)
    rows = []
    for at in unwrapped:
        moved = {identity: [r - s for r, s in zip(at[identity], unwrapped[0][identity])] for identity in at}
        drift = [sum(delta[k] for delta in moved.values()) / len(moved) for k in range(3)]
        squares = {identity: sum((d - c) ** 2 for d, c in zip(delta, drift)) for identity, delta in moved.items()}
        species = {}
        for identity, square in squares.items():
            species.setdefault("all", []).append(square)
            species.setdefault(first.particles[identity][0], []).append(square)
        rows.append({name: sum(values) / len(values) for name, values in species.items()})
    return rows


def written(content):
    """The frames of what hyalo writes, with or without a cell."""
    return xyz(re.sub(rb"^(?!Lattice)(?=[^\n]*Properties=)", b'Lattice="1 0 0 0 1 0 0 0 1" ', content, flags=re.MULTILINE), WRITTEN)
