"""What the device catalogue knows of a GPU product and of its MIG profiles. Data, no behaviour.

Places on a GPU are counted in placement units of its memory axis: 8 on A100 and later data-centre
GPUs, 4 on A30, 12 on RTX PRO 6000 (``nvidia-smi mig -lgipp``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MigProfile:
    """A GPU instance profile of one product.

    An instance takes ``[start, start + size)`` for one of ``starts``, ascending.
    ``compute_slices`` are of the product's compute slices. ``max_instances`` is the most of it on
    one GPU. ``sm_count`` (multiprocessors), ``copy_engines`` and ``nvdec`` (video decoders) are
    None where no source states them. ``inferred`` says that the row was not read from a device.
    """

    name: str
    profile_id: int
    compute_slices: int
    size: int
    memory_mib: int
    max_instances: int
    starts: tuple[int, ...]
    sm_count: int | None
    copy_engines: int | None
    nvdec: int | None
    inferred: bool
    source: str

    @property
    def variant(self) -> str:
        """What follows the plain name: ``+me`` (media engines), ``+gfx``, ``-me``, or nothing."""
        for sign in "+-":
            if sign in self.name:
                return self.name[self.name.index(sign) :]
        return ""


@dataclass(frozen=True, slots=True)
class Product:
    """A GPU product.

    ``memory_mib`` is what the whole GPU offers, ``sm_count`` the multiprocessors without MIG.
    ``tdp_w`` and ``idle_w`` are watts; ``nvlink_island`` is how many GPUs of a host NVLink joins
    (1: none); ``price_usd_per_h`` is per GPU on demand. ``pci_ids`` are device ids (hexadecimal,
    upper case), ``aliases`` names as GPU feature discovery and traces print them. ``units``
    is the length of the placement axis, ``compute_slices`` the number of those; both 0, and
    ``profiles`` empty, without MIG.
    """

    name: str
    aliases: tuple[str, ...]
    pci_ids: tuple[str, ...]
    architecture: str
    memory_mib: int
    sm_count: int | None
    tdp_w: int | None
    idle_w: int | None
    nvlink_island: int
    price_usd_per_h: float | None
    units: int
    compute_slices: int
    profiles: tuple[MigProfile, ...]
    inferred: bool
    source: str

    @property
    def has_mig(self) -> bool:
        """Whether the GPU can be partitioned."""
        return bool(self.profiles)
