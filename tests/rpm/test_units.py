"""The systemd units keep to what systemd 219, of CentOS 7, knows, and to what the agent needs."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from admin.packaging import units
from flocker_lite.config import CONTROL_VARIABLE, NODE_VARIABLE, AgentOptions, agent_options
from flocker_lite.taps.control import Options

PACKAGING = Path(__file__).parents[2] / "packaging"
SOCKETS = sorted((PACKAGING / "systemd").glob("*.socket"))
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))

# What upstream's 219 has in load-fragment-gperf.gperf.m4, without what is for other kinds of unit,
# what is deprecated there, and what CentOS 7 took over from later ones in its updates.
KEYS_OF_219 = {
    "Unit": """
        Description Documentation Requires Requisite Wants BindsTo PartOf Conflicts Before After
        OnFailure PropagatesReloadTo ReloadPropagatedFrom JoinsNamespaceOf RequiresMountsFor
        StopWhenUnneeded RefuseManualStart RefuseManualStop AllowIsolate DefaultDependencies
        JobTimeoutSec ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory
        ConditionPathIsMountPoint ConditionPathIsReadWrite ConditionDirectoryNotEmpty
        ConditionFileNotEmpty ConditionFileIsExecutable ConditionKernelCommandLine
        ConditionArchitecture ConditionVirtualization ConditionSecurity ConditionCapability
        AssertPathExists AssertPathIsDirectory AssertPathIsMountPoint AssertFileNotEmpty
        AssertFileIsExecutable
    """,
    "Service": """
        Type RemainAfterExit GuessMainPID PIDFile ExecStart ExecStartPre ExecStartPost ExecReload
        ExecStop ExecStopPost RestartSec TimeoutStartSec TimeoutStopSec TimeoutSec WatchdogSec
        Restart SuccessExitStatus RestartPreventExitStatus RestartForceExitStatus
        PermissionsStartOnly NonBlocking NotifyAccess Sockets StartLimitInterval StartLimitBurst
        StartLimitAction FailureAction WorkingDirectory User Group SupplementaryGroups Nice
        OOMScoreAdjust IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy
        CPUSchedulingPriority CPUAffinity UMask Environment EnvironmentFile StandardInput
        StandardOutput StandardError SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix
        SecureBits CapabilityBoundingSet NoNewPrivileges SystemCallFilter SystemCallArchitectures
        SystemCallErrorNumber RestrictAddressFamilies LimitCPU LimitFSIZE LimitDATA LimitSTACK
        LimitCORE LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK LimitLOCKS ReadWriteDirectories
        ReadOnlyDirectories InaccessibleDirectories PrivateTmp PrivateNetwork PrivateDevices
        ProtectSystem ProtectHome MountFlags RuntimeDirectory RuntimeDirectoryMode SELinuxContext
        IgnoreSIGPIPE SendSIGKILL SendSIGHUP KillMode KillSignal Slice CPUAccounting CPUShares
        CPUQuota MemoryAccounting MemoryLimit DeviceAllow DevicePolicy BlockIOAccounting
        BlockIOWeight Delegate
    """,
    "Socket": "ListenStream SocketMode DirectoryMode RemoveOnStop Service",
    "Install": "Alias WantedBy RequiredBy Also DefaultInstance",
}
WITH_A_VIEW_OF_ITS_OWN = {
    *("PrivateTmp", "PrivateDevices", "PrivateNetwork", "ProtectSystem", "ProtectHome"),
    *("ReadOnlyDirectories", "ReadWriteDirectories", "InaccessibleDirectories", "MountFlags"),
}


def unknown_to_219(text: str) -> list[str]:
    """The keys of a unit that systemd 219 would only warn of, and leave undone."""
    return [
        f"{section}.{key}"
        for section, key, _ in units.settings(text)
        if key not in KEYS_OF_219.get(section, "").split()
    ]


def service(name: str) -> dict[str, str]:
    """What a unit says in its [Service] section."""
    return units.service((PACKAGING / f"systemd/{name}.service").read_text("utf-8"))


def test_there_are_two_units() -> None:
    """One for each daemon."""
    assert [path.stem for path in UNITS] == ["flocker-agent", "flocker-control"]


@pytest.mark.parametrize("path", [*UNITS, *SOCKETS], ids=lambda path: path.stem)
def test_systemd_219_knows_every_key(path: Path) -> None:
    """A key that it does not know is merely a line in the journal, and a sandbox that is none."""
    assert unknown_to_219(path.read_text("utf-8")) == []


def test_later_keys_are_found() -> None:
    """Of 230, 232 and 235, and one in a section that it does not belong to."""
    unit = (
        "[Unit]\nStartLimitIntervalSec=0\nRestart=always\n"
        "[Service]\nProtectKernelModules=yes\nStateDirectory=x\nUser=y\n"
    )
    assert unknown_to_219(unit) == [
        *("Unit.StartLimitIntervalSec", "Unit.Restart"),
        *("Service.ProtectKernelModules", "Service.StateDirectory"),
    ]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_daemon_is_started_again_for_as_long_as_it_takes(path: Path) -> None:
    """Whatever it ended by, and however often."""
    said = service(path.stem)
    assert (said["Restart"], said["StartLimitInterval"]) == ("always", "0")


def test_the_control_service_is_not_root() -> None:
    """It has a user of its own and none of root's powers, nor a way to get them."""
    said = service("flocker-control")
    assert said["User"] == said["Group"] == "flocker-lite"
    assert said["CapabilityBoundingSet"] == ""
    assert said["NoNewPrivileges"] == "yes"
    users = (PACKAGING / "sysusers/flocker-lite.conf").read_text("utf-8").splitlines()
    assert [line.split()[:2] for line in users if not line.startswith("#")] == [
        ["u", "flocker-lite"]
    ]


def test_docker_sees_what_the_agent_mounts() -> None:
    """Nothing gives the agent a mount namespace, and what outlives it is left alone by systemd."""
    said = service("flocker-agent")
    assert not WITH_A_VIEW_OF_ITS_OWN & said.keys()
    assert said["KillMode"] == "process"
    assert "RuntimeDirectory" not in said


def test_docker_finds_the_volumes_when_it_starts() -> None:
    """Their socket is there before Docker, and the agent does not wait for Docker."""
    (path,) = SOCKETS
    said = {key: value for _, key, value in units.settings(path.read_text("utf-8"))}
    assert said["ListenStream"] == AgentOptions("10.0.0.1", "control").docker_volumes_socket
    assert (said["Before"], said["Service"]) == ("docker.service", "flocker-agent.service")
    agent = (PACKAGING / "systemd/flocker-agent.service").read_text("utf-8")
    after = [value for _, key, value in units.settings(agent) if key == "After"]
    assert not any("docker" in value for value in after)


def test_the_control_services_command_line_is_understood() -> None:
    """The options in the unit are options of the daemon, and its ports those of the firewall."""
    words = units.command_line(service("flocker-control"))
    options = Options()
    options.parseOptions(words[1:])
    assert words[0] == "/usr/bin/flocker-control"
    assert options["data-path"] == "/var/lib/flocker-lite/control"
    for name, option in (("api", "port"), ("agent", "agent-port")):
        service_xml = PACKAGING / f"firewalld/flocker-control-{name}.xml"
        ports = ElementTree.parse(service_xml).getroot().findall("port")
        protocol, number, *_ = options[option].split(":")
        assert [(port.get("protocol"), port.get("port")) for port in ports] == [(protocol, number)]


def test_the_agents_file_is_valid_as_it_is_shipped() -> None:
    """It says nothing that the environment has to repeat; and valid it stays uncommented."""
    text = (PACKAGING / "etc/agent.yml").read_text("utf-8")
    environment = {NODE_VARIABLE: "10.0.0.12", CONTROL_VARIABLE: "10.0.0.9"}
    shipped = agent_options(text, environment, {})
    assert (shipped.node, shipped.control_host) == ("10.0.0.12", "10.0.0.9")
    comment, _, options = text.partition("version: 1\n")
    uncommented = "version: 1\n" + options.replace("# ", "")
    assert yaml.safe_load(uncommented).keys() > {"version", "node", "control-service", "hold"}
    assert agent_options(uncommented, {}, {}).node == "10.0.0.11"
    assert comment.startswith("# ")


def test_the_environment_has_what_is_asked_for() -> None:
    """The names that the installing scripts fill in are those that the agent reads."""
    lines = (PACKAGING / "sysconfig/flocker-agent").read_text("utf-8").splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert names == [NODE_VARIABLE, CONTROL_VARIABLE, "FLOCKER_AGENT_OPTIONS"]
    said = service("flocker-agent")
    assert said["EnvironmentFile"] == "-/etc/sysconfig/flocker-agent"
    assert said["ExecStart"].endswith("--config /etc/flocker-lite/agent.yml $FLOCKER_AGENT_OPTIONS")
