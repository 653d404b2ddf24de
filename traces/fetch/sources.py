"""The public traces: where each is, how large, under which licence, with which checksum.

Addresses name a commit where the publisher has commits, so that the bytes never change. Checksums
are those that a publisher states (PAI; Philly, by its Git LFS pointer), or were taken from files
of that commit; of the others the first download is recorded in the folder, see ``sums``.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError

_RAW = "https://raw.githubusercontent.com"
_OPENB = (
    f"{_RAW}/hkust-adsl/kubernetes-scheduler-simulator/"
    "8f3d6417353c5083c6d56617f255fadd8dc306bc/data/csv"
)
_PAI = "https://aliopentrace.oss-cn-beijing.aliyuncs.com/v2020GPUTraces"
_ALIBABA = f"{_RAW}/alibaba/clusterdata/1836bc7f670499eadcc6dc1d80d7559ed833c3e2"
_DLRM = (
    f"{_RAW}/alibaba/clusterdata/358ef992044f8393cb17d750e360cb5c26b7bdae/cluster-trace-gpu-v2025"
)
_ADAPTDL = f"{_RAW}/petuum/adaptdl/de25dcc90c350b8ade3a710e437a651a8d2efae6/simulator"
_CHRONUS = (
    f"{_RAW}/S-Lab-System-Group/ChronusArtifact/"
    "e79fa4ed8cbce46acdc19754f13c5c3d90f019f0/code/data/exp"
)
_MURI = f"{_RAW}/Rivendile/Muri/7264b1aee900029236051058242e6de6f93e166d"
_ITP = f"{_RAW}/microsoft/elasticflow-traces/277ed24d0e908c31a1c98145819e2e3853d8ac00/data"
_AZURE = f"{_RAW}/Azure/AzurePublicDataset/790921015d50dd6aae7f7e47f39ba0e235ad6b08/data"
_AZURE_2024 = "https://azurepublicdatasettraces.blob.core.windows.net/azurellminfererencetrace"
_ACME = f"{_RAW}/InternLM/AcmeTrace/6d6ac9cd15f3b01151ac6ba00ecddd9156f0dc73/data/job_trace"
_ELASTICFLOW = f"{_RAW}/pkusys/ElasticFlow"
_HELIOS = f"{_RAW}/S-Lab-System-Group/HeliosData/159f0caeec16600b9b6017862952a36aae01c43f"
_PHILLY = "https://media.githubusercontent.com/media/msr-fiddle/philly-traces/29a1b87fa2d9ed80b83c9e3a37f3a88d382b031d"

CC_BY, APACHE, MIT = "CC-BY-4.0", "Apache-2.0", "MIT"
RESEARCH = "research use"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a public trace.

    ``size`` is its bytes, None where they are not known exactly; ``about`` is then what its
    publisher says, 0 for nothing. ``sha256`` is empty where nobody states it. ``page`` is where
    people read about it.
    """

    url: str
    size: int | None = None
    sha256: str = ""
    about: int = 0
    page: str = "its page"

    @property
    def name(self) -> str:
        """What the file is called in its folder."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Source:
    """A public trace: one line about it, its licence, its page, its files, and what comes next."""

    summary: str
    licence: str
    page: str
    files: tuple[RemoteFile, ...]
    then: str = ""


def _openb() -> tuple[RemoteFile, ...]:
    known = {
        "openb_node_list_all_node": (
            52287, "5a85c2af79c66a1efff8bbcbda430400aae56d8431370d738480967e1a9c6b15"),
        "openb_node_list_gpu_node": (
            42353, "2beca64b4d3dfa342036a34b56a495c6cef9225db836c81f541282cb1df320b5"),
        "openb_pod_list_cpu050": (
            525811, "747f43247bffc2b0bb081d7f61f0705ca8d390dafc0b647e642c92f3baf3ba1e"),
        "openb_pod_list_default": (
            575468, "1ee7ed79c27a3b0861cda8ddba86a004c6aba904caafa329a76ae93ca63834a8"),
        "openb_pod_list_gpushare100": (
            561220, "12dbc07d6a49bf8641e2275a2ff5bf7be74b5df7d148d531e135b140b95f9a3d"),
        "openb_pod_list_gpuspec10": (
            579461, "2dc7e4cb9480484f08539720b433a9ec9ab5d76b396f3f7557c53a2ff78a7611"),
        "openb_pod_list_multigpu20": (
            271530, "d9ec6f6c74fb980cc0b81239470c6353fceea077ea9abd610003b604c7cc2b01"),
    }  # fmt: skip
    other = (
        "cpu0", "cpu037", "cpu072", "cpu100", "cpu200", "cpu235", "cpu250", "cpu300",
        "gpushare20", "gpushare40", "gpushare60", "gpushare80", "gpuspec05", "gpuspec20",
        "gpuspec25", "gpuspec33", "multigpu30", "multigpu40", "multigpu50",
    )  # fmt: skip
    files = [RemoteFile(f"{_OPENB}/{name}.csv", *facts) for name, facts in known.items()]
    files += [RemoteFile(f"{_OPENB}/openb_pod_list_{name}.csv") for name in other]
    return tuple(files)


SOURCES: dict[str, Source] = {
    "openb": Source(
        "Alibaba 2023: pods and nodes of a GPU cluster, 24 workloads",
        APACHE,
        "https://github.com/hkust-adsl/kubernetes-scheduler-simulator",
        _openb(),
    ),
    "philly": Source(
        "Microsoft Philly 2017, 82,247 jobs as Pollux has them",
        CC_BY,
        "https://github.com/msr-fiddle/philly-traces",
        (
            RemoteFile(
                f"{_ADAPTDL}/traces/philly.csv",
                3_444_496,
                "ebffb3dd1589bdf4e7bcd74496201c5ded1d557d498ee14f560463f37ec353da",
            ),
        ),
    ),
    "philly-full": Source(
        "Microsoft Philly 2017 as published, 117,325 jobs",
        CC_BY,
        "https://github.com/msr-fiddle/philly-traces",
        (
            RemoteFile(
                f"{_PHILLY}/trace-data.tar.gz",
                1_055_988_361,
                "2037ccf63a725a02be718b0e1aeee6142c90b7f62d0d849295120e9f6ba13d2c",
            ),
        ),
        then="tar -xf trace-data.tar.gz; jobs are in trace-data/cluster_job_log",
    ),
    "helios": Source(
        "SenseTime Helios 2020, 3.4 million jobs of four clusters",
        CC_BY,
        "https://github.com/S-Lab-System-Group/HeliosData",
        (RemoteFile(f"{_HELIOS}/data.zip", about=36_400_000),),
        then="unzip data.zip; jobs are in data/*/cluster_log.csv",
    ),
    "acme": Source(
        "Shanghai AI Lab Acme 2023, jobs of Seren and Kalos",
        CC_BY,
        "https://github.com/InternLM/AcmeTrace",
        (
            RemoteFile(f"{_ACME}/trace_seren.csv", about=99_000_000),
            RemoteFile(f"{_ACME}/trace_kalos.csv", about=9_000_000),
        ),
    ),
    "pai": Source(
        "Alibaba PAI 2020, 1.26 million jobs: tasks, jobs, machines",
        CC_BY,
        "https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2020",
        (
            RemoteFile(
                f"{_PAI}/pai_task_table.tar.gz",
                sha256="cd1d6dc3215d2a8607ccf6b6dd952b5db776df86926c73259fea7c1499ac40e5",
                about=34_000_000,
            ),
            RemoteFile(
                f"{_PAI}/pai_job_table.tar.gz",
                sha256="5aad7f7caac501136d14ed6a48e40546f825d7b0617a3a4f337e2348fe0a6cb0",
                about=60_000_000,
            ),
            RemoteFile(
                f"{_PAI}/pai_machine_spec.tar.gz",
                sha256="cc0d38a4045af1b1af8179de8b1b54b1ddd995e6160d6d061a6b1000f1276c2d",
                about=32_000,
            ),
        ),
    ),
    "pai-instances": Source(
        "Alibaba PAI 2020: instances, for the folder of pai",
        CC_BY,
        "https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2020",
        (
            RemoteFile(
                f"{_PAI}/pai_instance_table.tar.gz",
                sha256="1bf1e423a7ce3f8d086699801c362fd56a7182abdb234139e5ebbed97995ca06",
                about=663_000_000,
            ),
        ),
    ),
    "dlrm": Source(
        "Alibaba 2025, 23,871 inference instances",
        RESEARCH,
        "https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2025",
        (RemoteFile(f"{_DLRM}/disaggregated_DLRM_trace.csv", 2_118_900),),
    ),
    "spot-gpu": Source(
        "Alibaba 2026, high-priority and spot jobs, and nodes",
        RESEARCH,
        "https://github.com/alibaba/clusterdata/tree/master/cluster-trace-v2026-spot-gpu",
        (
            RemoteFile(f"{_ALIBABA}/cluster-trace-v2026-spot-gpu/job_info_df.csv"),
            RemoteFile(f"{_ALIBABA}/cluster-trace-v2026-spot-gpu/node_info_df.csv"),
        ),
    ),
    "itp": Source(
        "Microsoft ITP 2021, 69,351 jobs of ten clusters",
        MIT,
        "https://github.com/microsoft/elasticflow-traces",
        (
            RemoteFile(f"{_ITP}/raw-traces.tar.gz"),
            RemoteFile(f"{_ITP}/elasticflow-traces.tar.gz"),
        ),
        then="tar -xf raw-traces.tar.gz, or elasticflow-traces.tar.gz with models and deadlines",
    ),
    "muri": Source(
        "Muri: Philly jobs with models, and those of its testbed",
        APACHE,
        "https://github.com/Rivendile/Muri",
        (
            RemoteFile(
                f"{_MURI}/simulator/trace-data/trace1.csv",
                97_574,
                "534d02a4ebe53aee1f60d3fb33e3b2207550bb28813e677c962051058ebafbc5",
            ),
            RemoteFile(
                f"{_MURI}/simulator/trace-data/trace1_pr.csv",
                84_097,
                "dfa7a6b0f5ff6fe4aae4e51a948f05bc229d1883a779e9721f181b7270190945",
            ),
            RemoteFile(
                f"{_MURI}/simulator/trace-data/trace3.csv",
                63_755,
                "fc8d59783486122d9f522b430c1d5a59fbee119b41feb67a3f67e0751340ce93",
            ),
            RemoteFile(
                f"{_MURI}/simulator/trace-data/trace3_pr.csv",
                54_912,
                "af45628e89017a4faf20e75c586320643c08a5dd4f2f952502c6fcb25aba5e6c",
            ),
            *(
                RemoteFile(f"{_MURI}/simulator/trace-data/{name}.csv")
                for name in ("trace2", "trace2_pr", "trace4", "trace4_pr")
            ),
            RemoteFile(
                f"{_MURI}/cluster_exp/trace-data/cluster_trace.csv",
                25_642,
                "fe73b5e39c75ea73b3115d1d4fc7b19e482f7db13c1256a0756bf54bdc3befef",
            ),
        ),
    ),
    "chronus": Source(
        "Chronus: Philly jobs with deadlines, three mixes",
        MIT,
        "https://github.com/S-Lab-System-Group/ChronusArtifact",
        (
            RemoteFile(
                f"{_CHRONUS}/trace_job_Philly_MIX1.csv",
                1_842_793,
                "6228d86e2c1fddb2d9e1c006f7a71b4127b7dbed4efbab5aea428fa72ea2dd74",
            ),
            RemoteFile(
                f"{_CHRONUS}/trace_job_Philly_MIX2.csv",
                2_144_514,
                "4eb087e8f1a5d85ee27f8e8375f3912af643fbacb81d121d746950401426148f",
            ),
            RemoteFile(
                f"{_CHRONUS}/trace_job_Philly_SLO.csv",
                1_845_942,
                "180fd7db3eeabe5df705c25259fcec972be2ba7b483887e26ca17e22d96b9f3e",
            ),
        ),
    ),
    "tiresias": Source(
        "Tiresias: 60 jobs",
        APACHE,
        "https://github.com/SymbioticLab/Tiresias",
        (
            RemoteFile(
                f"{_RAW}/SymbioticLab/Tiresias/b0ef8449aaa1ad1a61b922de3ab65fd87a3dcf2e/simulator/60_job.csv",
                1871,
                "17575949a6e570960db42bc5576739de9c334ed4c664859841c4f01ede38bd1b",
            ),
        ),
    ),
    "elasticflow-sim": Source(
        "ElasticFlow: job lists of its simulator",
        APACHE,
        "https://github.com/pkusys/ElasticFlow",
        (
            RemoteFile(
                f"{_ELASTICFLOW}/5c5a634d57adff1c0985ee6c02b68c2460d37db9/"
                "ElasticFlow/traces_for_ElasticFlow/philly_103959.csv",
                51_054,
            ),
            RemoteFile(
                f"{_ELASTICFLOW}/ce1bf5202b99b7e9543bb047d57378513a6c24b2/"
                "ElasticFlow/traces_for_ElasticFlow/elasticVpollux_e.csv"
            ),
        ),
    ),
    "pollux": Source(
        "Pollux: eight workloads of 160 jobs",
        APACHE,
        "https://github.com/petuum/adaptdl/tree/osdi21-artifact",
        tuple(RemoteFile(f"{_ADAPTDL}/workloads/workload-{number}.csv") for number in range(1, 9)),
    ),
    "azure-llm": Source(
        "Azure LLM inference 2023: 28,185 requests of two services",
        CC_BY,
        "https://github.com/Azure/AzurePublicDataset",
        (
            RemoteFile(
                f"{_AZURE}/AzureLLMInferenceTrace_code.csv",
                320_117,
                "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
            ),
            RemoteFile(
                f"{_AZURE}/AzureLLMInferenceTrace_conv.csv",
                719_188,
                "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
            ),
        ),
    ),
    "azure-llm-2024": Source(
        "Azure LLM inference 2024: a week of requests of two services",
        CC_BY,
        "https://github.com/Azure/AzurePublicDataset",
        (
            RemoteFile(f"{_AZURE_2024}/AzureLLMInferenceTrace_code_1week.csv"),
            RemoteFile(f"{_AZURE_2024}/AzureLLMInferenceTrace_conv_1week.csv"),
        ),
    ),
}
"""Every public trace that can be fetched, by name."""


def source_of(name: str) -> Source:
    """Return a public trace.

    Parameters
    ----------
    name
        What it is called.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name in SOURCES:
        return SOURCES[name]
    near = difflib.get_close_matches(name, SOURCES, n=1)
    fix = f"did you mean {near[0]!r}?" if near else "bayplan traces fetch lists what there is"
    raise InputError(f"there is no public trace {name!r}", fix=fix)
