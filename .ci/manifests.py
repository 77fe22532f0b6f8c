"""What the manifests promise, read from `cargo metadata` and `cargo tree`.

check       dependencies, their direction and features, versions, no_std, no unsafe
msrv        no resolved package states a newer Rust than the workspace does
published   the names of the published crates, lowest layer first
featured    those of them that have features
features    of each one: no feature, each alone, all: "crate feature,feature"
powerset    every subset of each one's features, likewise
"""

import itertools
import json
import pathlib
import re
import subprocess
import sys
import tomllib

# Lowest layer first: a crate may name those before it. A new crate gets its place here.
LAYERS = ["gp-tlv", "gp-apdu", "gp-scp03", "gp-cardmanager-model", "gp-ffi"]
# The dependencies of the published crates, each with the release line that may be used.
ALLOWED = {"aes": "0.9", "cmac": "0.8", "ctr": "0.10", "subtle": "2.6", "zeroize": "1.9", "nom": "8"}
ALLOWED_IN_TESTS = {"proptest", "criterion"}
# The one crate that talks to C. Its lint table says `unsafe_code = "deny"`, and one module allows it.
UNSAFE = {"gp-ffi"}
# Workspaces whose lock file has to be current as well.
WORKSPACES = ["Cargo.toml", "fuzz/Cargo.toml", "benches/Cargo.toml", "evidence/Cargo.toml"]

faults = []


def fault(text):
    faults.append(text)


def cargo(*arguments):
    done = subprocess.run(["cargo", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return done.stdout


def metadata(*arguments):
    return json.loads(cargo("metadata", "--locked", "--format-version", "1", *arguments))


def published():
    packages = [p for p in metadata("--no-deps")["packages"] if p["publish"] != []]
    for package in packages:
        if package["name"] not in LAYERS:
            sys.exit(f"{package['name']} is published and has no place in LAYERS")
    return sorted(packages, key=lambda p: LAYERS.index(p["name"]))


def manifest_of(package):
    return tomllib.loads(pathlib.Path(package["manifest_path"]).read_text())


def check_dependency(package, dependency):
    name, kind = dependency["name"], dependency["kind"] or "normal"
    where = f"{package['name']}: {kind} dependency {name}"
    if kind == "build":
        fault(f"{where}: the published crates have no build scripts")
        return
    if name in LAYERS:
        if LAYERS.index(name) >= LAYERS.index(package["name"]):
            fault(f"{where} points up")
        if not dependency.get("path") or dependency["req"] != f"^{package['version']}":
            fault(f"{where} needs a path and version {package['version']}, not {dependency['req']}")
        return
    if kind == "dev" and name in ALLOWED_IN_TESTS:
        return
    if name not in ALLOWED:
        fault(f"{where} is not on the list")
        return
    if not (dependency["source"] or "").startswith("registry+"):
        fault(f"{where} does not come from the registry")
    if not re.match(rf"\^{re.escape(ALLOWED[name])}(\.|$)", dependency["req"]):
        fault(f"{where} is {dependency['req']}, not {ALLOWED[name]}")
    if kind == "normal" and (dependency["uses_default_features"] or {"std", "alloc"} & set(dependency["features"])):
        fault(f"{where} has default features, std or alloc")


def check_tree(package):
    """No `std` or `alloc` feature anywhere below, with all features of the crate."""
    tree = cargo("tree", "--locked", "-p", package["name"], "-e", "normal,no-proc-macro", "--all-features",
                 "--prefix", "none", "--no-dedupe", "-f", "{p}|{f}")
    for line in sorted(set(tree.splitlines())):
        name, _, features = line.partition("|")
        if {"std", "alloc"} & set(features.replace(" (*)", "").split(",")):
            fault(f"{package['name']}: {name} is built with {features}")


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def check_sources(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    if not re.search(r"^#!\[no_std\]$", (folder / "src/lib.rs").read_text(), re.M):
        fault(f"{package['name']}: src/lib.rs lacks #![no_std]")
    for path in sorted(folder.glob("src/**/*.rs")):
        name = f"{package['name']}/{path.relative_to(folder)}"
        text = without_comments(path.read_text())
        if re.search(r"\bunsafe\b", text) and package["name"] not in UNSAFE:
            fault(f"{name}: unsafe")


def check_lints(package):
    lints = manifest_of(package).get("lints", {})
    if package["name"] in UNSAFE:
        if lints.get("rust", {}).get("unsafe_code") != "deny":
            fault(f"{package['name']}: unsafe_code is not denied")
    elif lints != {"workspace": True}:
        fault(f"{package['name']}: [lints] is not the workspace's")


def check():
    root = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]
    if root["lints"]["rust"].get("unsafe_code") != "forbid":
        fault("workspace: unsafe_code is not forbidden")
    packages = published()
    if len(packages) < 4:
        fault(f"only {len(packages)} published crates found")
    for package in packages:
        if package["version"] != root["package"]["version"]:
            fault(f"{package['name']}: version {package['version']}, not the workspace's")
        if package["rust_version"] != root["package"]["rust-version"]:
            fault(f"{package['name']}: rust-version is not the workspace's")
        if any("custom-build" in target["kind"] for target in package["targets"]):
            fault(f"{package['name']}: build script")
        for dependency in package["dependencies"]:
            check_dependency(package, dependency)
        check_tree(package)
        check_sources(package)
        check_lints(package)
    for workspace in WORKSPACES:
        done = subprocess.run(["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", workspace],
                              capture_output=True, text=True)
        if done.returncode != 0:
            fault(f"{workspace}: {done.stderr.strip()}")
    normal = sorted({d["name"] for p in packages for d in p["dependencies"] if d["kind"] is None})
    print(f"{len(packages)} published crates depend on: {', '.join(normal)}")


def msrv():
    def numbers(version):
        return [int(part) for part in version.split(".")]

    floor = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    packages = metadata()["packages"]
    for package in packages:
        stated = package["rust_version"]
        if stated and numbers(stated)[:2] > numbers(floor)[:2]:
            fault(f"{package['name']} {package['version']} needs Rust {stated}, the floor is {floor}")
    print(f"{len(packages)} resolved packages, none may need more than Rust {floor}")


def feature_sets(every):
    for package in published():
        features = sorted(f for f in package["features"] if f != "default")
        sizes = range(len(features) + 1) if every else sorted({0, min(1, len(features)), len(features)})
        for size in sizes:
            for chosen in itertools.combinations(features, size):
                print(package["name"], ",".join(chosen))


def main():
    match sys.argv[1:]:
        case ["check"]:
            check()
        case ["msrv"]:
            msrv()
        case ["published"]:
            print("\n".join(p["name"] for p in published()))
        case ["featured"]:
            print("\n".join(p["name"] for p in published() if p["features"]))
        case ["features"]:
            feature_sets(every=False)
        case ["powerset"]:
            feature_sets(every=True)
        case _:
            sys.exit(__doc__)
    for text in faults:
        print(text, file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
