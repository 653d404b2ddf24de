"""Placements, decisions and plans of the scheduler as messages, and back."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import request_message
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.types import GangPreemption, Preemption, Victims
from bayplan.scheduler.types import Decision, Grant, Placement, Reason, Request, Slot

_REASONS = {int(each): each for each in Reason}


def placement_message(placement: Placement) -> pb.Placement:
    """Return a placement as a message.

    Parameters
    ----------
    placement
        The placement.
    """
    message = pb.Placement(node=placement.node)
    for grants, chosen in zip(placement.grants, placement.chosen, strict=True):
        device = message.devices.add(chosen=chosen)
        for grant in grants:
            device.grants.add(
                slot=slot_message(grant.slot), milli=grant.milli, memory_mib=grant.memory_mib
            )
    return message


def slot_message(slot: Slot) -> pb.Slot:
    """Return a slot as a message.

    Parameters
    ----------
    slot
        The slot.
    """
    return pb.Slot(index=slot.gpu, start=slot.start, size=slot.size, profile=slot.profile)


def slot_of(message: pb.Slot) -> Slot:
    """Return the slot of a message.

    Parameters
    ----------
    message
        The message.
    """
    return Slot(message.index, message.start, message.size, message.profile)


def placement_of(message: pb.Placement) -> Placement:
    """Return the placement of a message.

    Parameters
    ----------
    message
        The message.
    """
    return Placement(
        message.node,
        tuple(
            [
                tuple([Grant(slot_of(g.slot), g.milli, g.memory_mib) for g in device.grants])
                for device in message.devices
            ]
        ),
        tuple([device.chosen for device in message.devices]),
    )


def decision_message(decision: Decision, request: pb.Request, since: int = 0) -> pb.Decision:
    """Return a decision as a message.

    Parameters
    ----------
    decision
        The decision.
    request
        Its request, which is what was asked for.
    since
        What is added to versions, so that none is used again after a restart.
    """
    message = pb.Decision(request=request, now_s=decision.now_s)
    for reason, n in decision.reasons:
        message.reasons.add(text=reason.text, nodes=n, code=int(reason))
    if decision.placement is not None:
        message.placement.CopyFrom(placement_message(decision.placement))
        message.score = decision.score
        for node, version in decision.rests_on:
            message.rests_on.add(node=node, version=version + since)
    return message


def decision_of(message: pb.Decision, request: Request, since: int = 0) -> Decision:
    """Return the decision of a message. Reasons that are unknown here are left out.

    Parameters
    ----------
    message
        The message.
    request
        Its request.
    since
        What was added to versions.
    """
    placement = placement_of(message.placement) if message.HasField("placement") else None
    return Decision(
        request,
        message.now_s,
        placement,
        message.score,
        tuple([(each.node, each.version - since) for each in message.rests_on]),
        tuple([(_REASONS[r.code], r.nodes) for r in message.reasons if r.code in _REASONS]),
    )


def commit_message(decision: Decision) -> pb.Decision:
    """Return a decision as a message to commit it.

    Parameters
    ----------
    decision
        The decision.

    Raises
    ------
    InvalidRequest
        It has no placement, or something that the service does not take.
    """
    if decision.placement is None:
        raise InvalidRequest(f"pod {decision.request.uid}: the decision has no placement")
    return decision_message(decision, request_message(decision.request))


def plan_message(plan: GangPlan, members: Mapping[str, pb.Request], since: int = 0) -> pb.GangPlan:
    """Return the plan of a gang as a message.

    Parameters
    ----------
    plan
        The plan.
    members
        The requests of all members, by the plan's uid.
    since
        As ``decision_message``.
    """
    return pb.GangPlan(
        now_s=plan.now_s,
        decisions=[
            decision_message(each, members[each.request.uid], since) for each in plan.decisions
        ],
        bound=[members[uid].uid for uid in plan.bound],
        missing=plan.missing,
        first_left=members[plan.first_left].uid if plan.first_left in members else "",
        why=plan.why,
    )


def plan_of(message: pb.GangPlan, gang: Gang) -> GangPlan:
    """Return the plan of a message.

    Parameters
    ----------
    message
        The message.
    gang
        The gang.
    """
    asked = {each.uid: each for role in gang.roles for each in role.members}
    decisions = tuple(decision_of(each, asked[each.request.uid]) for each in message.decisions)
    rests_on = {pair: None for each in decisions for pair in each.rests_on}
    return GangPlan(
        gang,
        message.now_s,
        decisions,
        tuple(message.bound),
        tuple(rests_on),
        (),
        message.missing,
        message.first_left,
        message.why,
    )


def preemption_message(found: Preemption) -> pb.Preemption:
    """Return whom to evict for a request, as a message.

    Parameters
    ----------
    found
        Whom.
    """
    message = pb.Preemption(why=found.why, now_s=found.now_s)
    for each in found.nodes:
        message.choices.add(
            node=each.node,
            uids=each.uids,
            elsewhere=each.elsewhere,
            violations=each.violations,
            highest_priority=each.highest_priority,
            lost_gpu_s=each.lost_gpu_s,
            placement=placement_message(each.placement),
        )
    return message


def preemption_of(message: pb.Preemption, request: Request) -> Preemption:
    """Return whom to evict for a request.

    Parameters
    ----------
    message, request
        The message, and the request.
    """
    nodes = tuple(
        Victims(
            each.node,
            tuple(each.uids),
            tuple(each.elsewhere),
            each.violations,
            each.highest_priority,
            each.lost_gpu_s,
            placement_of(each.placement),
        )
        for each in message.choices
    )
    return Preemption(request, message.now_s, nodes, message.why)


def gang_preemption_message(
    found: GangPreemption, members: Mapping[str, pb.Request], since: int = 0
) -> pb.Preemption:
    """Return whom to evict for a gang, as a message.

    Parameters
    ----------
    found
        Whom.
    members, since
        As ``plan_message``.
    """
    message = pb.Preemption(why=found.why)
    if found.plan is not None:
        message.plan.CopyFrom(plan_message(found.plan, members, since))
        message.choices.add(
            uids=found.uids,
            violations=found.violations,
            highest_priority=found.highest_priority,
            lost_gpu_s=found.lost_gpu_s,
        )
    return message


def gang_preemption_of(message: pb.Preemption, gang: Gang) -> GangPreemption:
    """Return whom to evict for a gang.

    Parameters
    ----------
    message, gang
        The message, and the gang.
    """
    if not message.choices:
        return GangPreemption(None, why=message.why)
    only = message.choices[0]
    return GangPreemption(
        plan_of(message.plan, gang),
        tuple(only.uids),
        only.violations,
        only.highest_priority,
        only.lost_gpu_s,
        message.why,
    )
