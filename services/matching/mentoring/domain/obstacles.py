"""Why the two of a situation cannot be matched by others than themselves: a round, a repair, or a coordinator."""

from services.matching.kernel import rules
from services.matching.mentoring.domain.requests import Situation


def obstacle(situation: Situation, *, is_served: bool) -> str | None:
    """The code of the reason why the two cannot be matched now. `is_served`: the mentee has the mentors they want."""
    if reason := own_obstacle(situation, is_served=is_served):
        return reason
    mentee, mentor, policy = situation.mentee, situation.mentor, situation.policy
    if mentee is None or policy is None or mentor is None or not rules.is_mentor(mentor, policy):
        return "mentor_left"
    if mentor.taken >= mentor.member.capacity:
        return "no_seat_left"
    if policy.is_full((mentee.member.institution, mentor.member.institution)):
        return "exchange_full"
    return rules.broken(mentee, mentor, policy)


def own_obstacle(situation: Situation, *, is_served: bool) -> str | None:
    """The reason on the mentee's own side."""
    mentee, policy = situation.mentee, situation.policy
    if mentee is None or policy is None or not rules.is_mentee(mentee, policy):
        return "mentee_left"
    return "matched_elsewhere" if is_served else rules.own_reason(mentee)
