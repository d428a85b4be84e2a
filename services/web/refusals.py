"""Why something was refused, by the code of a service or of a page, in words."""

from collections.abc import Mapping

from services.web.labels import N_

NOT_POSSIBLE_NOW = N_("This is not possible in its present state. Load the page again to see it.")
"""For a code without words of its own, where the service's own sentence is in another language."""
NOT_ACCEPTED = N_("This is not accepted. Check what you entered.")
FIELDS: Mapping[str, str] = {
    r"is required": N_("Fill this in."),
    r"must have at most ([\d,]+) characters": N_("This may have at most {} characters."),
    r"must have at least ([\d,]+) characters": N_("This must have at least {} characters."),
    r"must have at most ([\d,]+) entries": N_("At most {} entries are possible."),
    r"must have at least ([\d,]+) entries": N_("At least {} entries are needed."),
    r"must be at most ([\d.,]+)": N_("Enter a number of at most {}."),
    r"must be at least ([\d.,]+)": N_("Enter a number of at least {}."),
    r"must be a whole number like 4": N_("Enter a whole number."),
    r"must be one of .*": N_("Choose one of the values that the form offers."),
}
"""The services' sentences about a wrong value (`shared/refusals.py`), as patterns."""

ROWS: Mapping[str, str] = {
    r"has (\d+) cells where the header names (\d+) columns": N_(
        "This row has {} cells, but the first line names {} columns."
    ),
    r"starts with =: formulas are refused": N_("This begins with =. Formulas are refused: enter the value itself."),
    r"must not be empty": N_("Fill this in."),
    r"must have at most (\d+) values": N_("At most {} values are possible."),
    r"is not a value that the mapping translates: (.*)": N_("The mapping does not know this value. It knows: {}"),
    r"(\d+) more values are wrong": N_("{} more values are wrong."),
    r"has the same e-mail address as line (\d+)": N_("This is the same e-mail address as in line {}."),
    r"has the same external_id as line (\d+)": N_("This is the same staff number as in line {}."),
    r"is the same person as line (\d+)": N_("This is the same person as in line {}."),
    r"external_id and e-mail address belong to two different members": N_(
        "The staff number and the e-mail address belong to two different people."
    ),
    r"the e-mail address belongs to a member with another external_id: [^.]*": N_(
        "The e-mail address belongs to a person with another staff number. If it is the same person, send the file "
        "again, with the new number under “New staff numbers”."
    ),
    r"the e-mail address belongs to a member with another external_id: [^.]*\. The numbers differ by zeros .*": N_(
        "The e-mail address belongs to a person with another staff number, which differs by zeros at the beginning. "
        "Spreadsheets remove them: format the column as text. If the number is right without them, send the file "
        "again, with the number under “New staff numbers”."
    ),
    r"is inactive and stays so: .*": N_(
        "This profile is not active and stays so. Send the file again with the box under “People who come back” "
        "ticked, or activate the member."
    ),
    r"is not in the network's vocabulary, and fits only people with the same word; similar: (.*)": N_(
        "The network's vocabulary does not have this word. It fits only people with the same one. Similar: {}"
    ),
    r"is not in the network's vocabulary, and fits only people with the same word": N_(
        "The network's vocabulary does not have this word. It fits only people with the same one."
    ),
    r"was inactive and is active again": N_("This profile was not active and is active again."),
    r"these are not active programmes that admit the institution: (.*)": N_(
        "These are not active programmes that admit your institution: {}"
    ),
    r"cannot be imported with this e-mail address and external_id: .*": N_(
        "This person cannot be imported with this e-mail address and staff number. Check both, or ask a coordinator of "
        "the institution."
    ),
}
"""The sentences of profiles about a row of a roster, as patterns."""

REFUSALS: Mapping[str, str] = {
    "fault": N_("Something went wrong on our side. Try again in a moment."),
    "not_available": N_("This mentor is not available at the moment. Choose somebody else on your list."),
    "no_seat_left": N_("You have no free place for another mentee. Raise the number of mentees in your profile first."),
    "pair_mentee_missing": N_("Choose the mentee."),
    "pair_mentor_missing": N_("Choose the mentor."),
    "pair_reason_missing": N_("Choose why it ends."),
    "already_together": N_("These two are mentee and mentor in this programme already."),
    "own_pair": N_("You are one of the two. Another coordinator can do this."),
    "not_a_mentee": N_("This person is not an active mentee of the programme."),
    "not_a_mentor": N_("This person is not an active mentor of the programme."),
    "mentee_paused": N_("The mentee has paused mentoring."),
    "mentee_incomplete": N_("The mentee's profile names no topic or no language yet."),
    "mentor_full": N_("The mentor has no free place for another mentee."),
    "no_common_language": N_("The two have no language in common."),
    "no_common_format": N_("The two have no way to meet in common."),
    "pair_not_possible": N_("These two cannot be matched. Ask both of them: the reason may be private to one of them."),
    "role_required": N_("Your sign-in does not have the role that this needs."),
    "institution_required": N_("Your sign-in names no institution."),
    "outbox_behind": N_("Changes cannot be saved at the moment. Reading still works: try again in a few minutes."),
    "version_stale": N_("This was changed in the meantime. Look at it again before you decide."),
    "invitation_unknown": N_("This invitation code is not known, was used, or has expired. Ask for a new one."),
    "roster_tried_only": N_("The file was only tried. Nothing was changed."),
    "roster_not_done": N_("This import is not done yet. Try again in a moment."),
    "roster_undo_over": N_("An import can be undone for a day. Mend the file and import it again."),
    "term_label_missing": N_("Enter the name in English."),
    "term_exists": N_("There is a term with this name already."),
    "group_too_small": N_("A group has at least two mentees. End it instead."),
    "move_code_empty": N_("Enter the code that you got at the institution that you leave."),
    "move_code_not_found": N_(
        "There is no such code, or its 30 days are over. Get a new one with your sign-in at the institution that you "
        "leave."
    ),
    "own_code": N_("This is your own code. Enter it with your sign-in at the new institution."),
    "same_institution": N_("This code comes from your own institution. It is for a move to another one."),
    "invitation_empty": N_("Enter the code from your invitation."),
    "message_too_long": N_("The message may have at most 2,000 characters."),
    "answer_missing": N_("Choose whether you accept or decline."),
    "reason_missing": N_("Choose a reason. The other person sees it."),
    "file_missing": N_("Choose the file with the members."),
    "mapping_missing": N_("Choose the mapping."),
    "section_missing": N_("Name the section of the mapping."),
    "target_missing": N_("Choose what counts more."),
    "search_too_broad": N_("Too many people match. Choose more, or write more of the name."),
    "sure_missing": N_("Tick the box if you want your data to be erased."),
    "time_invalid": N_("Enter a time such as 21:00."),
    "time_missing": N_("Enter the time at which a summary is sent, such as 08:00."),
    "quiet_hours_incomplete": N_("Enter when the quiet hours begin and when they end, or leave both empty."),
    "quiet_hours_empty": N_("The quiet hours must end at another time than they begin. Leave both empty for none."),
    "round_open": N_("This programme already has an open round."),
    "round_outdated": N_("Another round took seats that this one assigns. Drop it and open a new one."),
    "already_asked": N_("You have already asked this mentor. Wait for the answer, or withdraw the request."),
    "too_many_pending": N_("You have as many open requests as are possible. Withdraw one first."),
    "request_not_pending": N_("The request was answered, was withdrawn or has expired. Load the page again."),
    "exchange_full": N_("Your institution has given all places that it agreed with the other one."),
    "enrolment_not_found": N_("You are not enrolled as a mentee in this programme. Ask your coordinator."),
    "mentor_not_found": N_("This mentor is not in the programme any more."),
    "member_inactive": N_("This profile is not active. Ask the coordinator to activate it again."),
    "member_bound": N_("This profile already has a sign-in. If it is not yours, ask your coordinator."),
    "member_invalid": N_("The profile was not saved."),
    "member_shared": N_(
        "This person is also in programmes that you do not coordinate. Ask a coordinator of the institution."
    ),
    "identity_refused": N_("This e-mail address or staff number cannot be used. Check both."),
    "invitation_used": N_("This invitation was used already. Ask your coordinator for another."),
    "invitation_expired": N_("This invitation has expired. Ask your coordinator for another."),
    "erasure_not_waiting": N_("This request is over: it was stopped or carried out."),
    "experience_said": N_("You have answered this already, and an answer cannot be changed."),
    "mentees_only": N_("Only the mentee can say how the mentoring was."),
    "not_invited": N_("Your sign-in belongs to no profile here yet. Accept your invitation first."),
    "institution_refused": N_("Your sign-in may not speak for this institution."),
    "owner_only": N_("Only a coordinator of the institution that owns the programme can do this."),
    "programme_not_owned": N_("Only a coordinator of the institution that owns the programme can do this."),
    "programme_refused": N_("Only a coordinator of the whole institution can do this."),
    "programme_inactive": N_("The programme is not active, so nobody can be matched in it."),
    "round_not_solved": N_("This round has no result: it is not solved yet, or was dropped."),
    "round_infeasible": N_("Not every fixed pair can be kept with the places that are left."),
    "round_too_large": N_("This programme has too many people for one round."),
    "repair_under_way": N_("Mentees of this programme are being given another mentor. Try again when that is done."),
    "mapping_invalid": N_("The mapping cannot be used. Nothing was imported."),
    "mapping_names_person_only": N_(
        "The mapping names what only the person may enter, such as a story or an identity. Nothing was imported."
    ),
    "mapping_reads_personal": N_("The mapping reads what only the person may enter. Nothing was read."),
    "roster_invalid": N_("The file cannot be read. Nothing was imported."),
    "roster_too_large": N_("The file is too large. Send it in parts."),
    "reading_too_slow": N_("The file takes too long to read. Send it in parts."),
    "search_invalid": N_("Enter at least one letter of the name."),
    "request_invalid": N_("Some of what you entered is not accepted."),
    "idempotency_key_reused": N_("This form was sent before with other content. Load the page again."),
    "contended": N_("Others changed this at the same moment, so nothing was saved. Send it again."),
    "number_missing": N_("Enter a whole number."),
    "date_missing": N_("Enter a date."),
    "clock_time_missing": N_("Enter a time, like 17:00."),
    "repeats_missing": N_("Choose how often you want to meet."),
    "goal_title_missing": N_("Say in a few words what the goal is."),
    "comment_missing": N_("Write the comment first."),
    "message_missing": N_("Write the message first."),
    "report_reason_missing": N_("Choose why you report this message."),
    "hearer_missing": N_("Choose the person who reads it."),
    "support_kind_missing": N_("Choose what it is about."),
    "support_text_missing": N_("Write what it is about first."),
    "support_answer_missing": N_("Write the answer first."),
    "hearer_role_missing": N_("Choose the role of the person."),
    "hearer_not_available": N_("This person cannot be chosen. Choose somebody else on the list."),
    "hearer_refused": N_(
        "You cannot read this, because you assess or coordinate the person who asked. They were notified, and can "
        "choose somebody else."
    ),
    "meaning_missing": N_("Choose the topic that it means."),
    "hearers_full": N_("Your institution's list is full: remove somebody first."),
    "coordinates_here": N_(
        "A coordinator of an institution cannot hear its members in confidence. You can leave the list."
    ),
    "support_closed": N_("The person who asked has closed this, and what was written is deleted."),
    "too_many_open": N_("You have as many open requests for support as are possible. Close one first."),
    "member_not_found": N_("There is no such person, or they are not active."),
    "signature_missing": N_("Copy the signature from the certificate into this field."),
    "mentorship_open": N_("There is a certificate once the mentoring has ended."),
    "nothing_to_certify": N_("No meeting of this mentoring is recorded as held, so there is nothing to certify."),
    "mentor_only": N_("The certificate is for the mentor."),
    "rehearsal_running": N_("Another comparison of this programme is being computed: wait for it, or drop it."),
    "draft_is_today": N_("These are the programme's present rules: change at least one number."),
    "answered_once": N_("These links were in the file that was sent before. Download new links, which replace them."),
    "mail_not_set_up": N_("Invitations are not sent by e-mail here. Download the links and send them yourself."),
    "drop_reason_missing": N_("Say why it is dropped."),
    "record_waits": N_("It waits behind another record of its key: retry or drop that one first."),
    "record_without_key": N_("It has no key, so it is not retried: the next state replaces it."),
    "record_not_found": N_("This record is not parked any more: it was handled, dropped or replaced."),
    "rating_missing": N_("Choose one of the five points."),
    "return_invalid.returns_on": N_("Choose a day after today, and within two years."),
    "request_invalid.returns_on": N_("Enter a date."),
    "agreement_invalid.review_on": N_("Choose a day after today, and within two years."),
    "request_invalid.review_on": N_("Enter a date."),
    "request_invalid.interval_days": N_("Enter a number of days from 1 to 366."),
    "request_invalid.length_months": N_("Enter a number of months from 1 to 24."),
    "meeting_plan_invalid.starts": N_("Choose a time after now, within a year, that no clock change skips."),
    "meeting_time_invalid.starts": N_("Choose a time after now, within a year, that no clock change skips."),
    "request_invalid.link": N_("Enter an address that begins with https://."),
    "agreement_unchanged": N_("This says the same as the newest version: sign that one, or change something."),
    "agreement_version_replaced": N_("This version was replaced in the meantime: read and sign the newest one."),
    "minutes_missing": N_("Choose how long each conversation is."),
    "mentor_role_required": N_("Mentors of this programme offer conversations. Ask your coordinator for that role."),
    "flash_window_invalid.starts": N_("Choose a time after now, within half a year, that no clock change skips."),
    "flash_window_invalid.ends": N_("Choose an end that leaves time for at least one and at most 24 conversations."),
    "too_many_slots": N_("You have offered as many conversations as are possible. Withdraw some first."),
    "slots_overlap": N_("You have offered or booked a conversation at this time already."),
    "slot_taken": N_("Somebody else was faster and has booked this conversation. Choose another one."),
    "own_slot": N_("This is your own offer: others book it."),
    "slot_begun": N_("This conversation has begun: say whether it was held."),
    "slot_not_begun": N_("This conversation has not taken place yet: say so once it has begun."),
    "too_many_bookings": N_("You have booked as many conversations as are possible. Cancel one first."),
    "school_missing": N_("Name the school."),
    "visit_invalid.starts": N_("Choose a time after now, within a year, that no clock change skips."),
    "request_invalid.kit": N_("Enter an address that begins with https://."),
    "too_many_visits": N_("You have planned as many visits as are possible. Cancel one first."),
    "visit_not_begun": N_("This visit has not taken place yet: say so once it has begun."),
    "group_terms_missing": N_("Write what the group agrees on."),
    "group_mentees_missing": N_("Choose at least two of your mentees."),
    "group_terms_replaced": N_("This version was replaced in the meantime: read and sign the newest one."),
    "mentorship_in_group": N_("One of these mentees is in another group of yours already. End that one first."),
    "group_invalid": N_("The group needs mentees of one programme with whom you have a signed agreement."),
    "own_proposal": N_("This is your own proposal: the other person has to agree."),
    "proposal_over": N_("All proposed meetings are over: propose a later time."),
    "nothing_proposed": N_("There is no open proposal any more."),
    "meeting_not_begun": N_("This meeting has not taken place yet: say so once it has begun."),
    "meeting_held": N_("This meeting is recorded as held already."),
    "meeting_begun": N_("This meeting has begun: say whether it was held or missed."),
    "thread_closed": N_("Messages cannot be sent here at the moment."),
    "thread_blocked": N_("You have blocked this thread: unblock it to write again."),
    "mentorship_ended": N_("This mentoring has ended."),
    "mentorship_active": N_("This mentoring is not paused."),
    "mentorship_introduction": N_("This mentoring is not paused."),
    "mentorship_paused": N_("This mentoring is paused: resume it first."),
    "mentorship_introduction_paused": N_("This mentoring is paused: resume it first."),
    "answer_final": N_("An answer can be corrected for 14 days. They are over."),
}
