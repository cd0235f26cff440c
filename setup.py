"""Packaging entry point; the facts are in pyproject.toml, the one thing to compile is here."""

import shutil
import subprocess
from pathlib import Path

from setuptools import Command, Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

HERE = Path(__file__).resolve().parent
FLAGS = (
    "-Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-pie -no-pie "
    "-fno-stack-protector -fno-asynchronous-unwind-tables "
    "-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-s"
)


class BuildHold(Command):
    """Compile the small static program that holds containers back until their data is there.

    Without a C compiler the package works too, with a longer pause: it is left out then.
    """

    description = "compile flocker_lite/containers/hold"
    user_options = []
    build_lib = None
    editable_mode = False

    def initialize_options(self):
        pass

    def finalize_options(self):
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def run(self):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            self.warn("no C compiler: moves will have a longer pause")
            return
        for target in self.get_outputs():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            source = HERE / "flocker_lite/containers/hold.c"
            subprocess.run([compiler, *FLAGS.split(), str(source), "-o", target], check=True)

    def get_outputs(self):
        root = HERE if self.editable_mode or self.build_lib is None else Path(self.build_lib)
        return [str(root / "flocker_lite/containers/hold")]

    def get_source_files(self):
        return ["flocker_lite/containers/hold.c"]

    def get_output_mapping(self):
        return {}


class Build(build):
    """The usual build, and the one program."""

    sub_commands = [*build.sub_commands, ("build_hold", None)]


class Wheel(bdist_wheel):
    """A wheel for any Python: the program in it is static, and needs nothing of the platform's.

    It carries the bill of materials that admin/release lays beside this file, where PEP 770 says.
    """

    def egg2dist(self, egginfo_path, distinfo_path):
        super().egg2dist(egginfo_path, distinfo_path)
        if (HERE / "sboms").is_dir():
            shutil.copytree(HERE / "sboms", Path(distinfo_path, "sboms"))

    def get_tag(self):
        *_, platform = super().get_tag()
        # The oldest that pip knows everywhere and that package indexes take.
        return "py3", "none", platform.replace("linux_", "manylinux2014_", 1)


class PlatformDistribution(Distribution):
    """A wheel with a compiled program in it is of one platform."""

    def has_ext_modules(self):
        return True


setup(
    cmdclass={"bdist_wheel": Wheel, "build": Build, "build_hold": BuildHold},
    distclass=PlatformDistribution,
)
