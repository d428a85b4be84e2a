"""The service's own template of an agreement, which a programme may replace."""

from collections.abc import Mapping

from services.mentorships.agreements.domain.clauses import Language, Texts

_ENGLISH: Texts = {
    "goals": """\
We begin with what the mentee wants to reach, and write down one to three goals here. The goals belong to the mentee: \
the mentee sets them, changes them, and decides when one is reached. The mentor listens, asks, and shares experience; \
decisions about the mentee's career stay with the mentee.""",
    "meetings": """\
We meet about once a month for 45 to 60 minutes, away from the ward and without being on call, in person or by video. \
The mentee sends a few lines beforehand about what they would like to talk about. If one of us cannot come, they say \
so as early as possible and propose another date. Between meetings we write to each other here; an answer may take a \
week.""",
    "confidentiality": """\
What we tell each other stays between us. Neither of us passes it on to supervisors, colleagues or the programme \
without the other's consent, and the mentor does not assess the mentee. There are limits: if somebody's life or safety \
is in danger, or if the law requires it, we may have to speak to others. Whenever possible we say so to each other \
first.""",
    "ending": """\
Either of us may end this mentorship at any time, without giving a reason and without reproach. A short conversation \
at the end is good practice: what went well, and what comes next. Confidentiality continues after the end.""",
    "disputes": """\
If something bothers one of us, we first talk about it with each other. If that does not help, or is not possible, \
either of us may turn to the coordinator of the programme, or to the ombudsperson of the institution, without asking \
the other.""",
    "review": """\
On the review date we take ten minutes to ask: Does this help? Do we meet as often as we want to? What should we \
change? We may change this agreement at any time; a new version counts when both of us have signed it.""",
}
_GERMAN: Texts = {
    "goals": """\
Wir beginnen mit dem, was die oder der Mentee erreichen möchte, und schreiben hier ein bis drei Ziele auf. Die Ziele \
gehören der oder dem Mentee: Nur sie oder er setzt und ändert sie und entscheidet, wann eines erreicht ist. Die \
Mentorin oder der Mentor hört zu, fragt nach und teilt Erfahrungen; Entscheidungen über die Laufbahn trifft die oder \
der Mentee selbst.""",
    "meetings": """\
Wir treffen uns etwa einmal im Monat für 45 bis 60 Minuten, nicht auf der Station und nicht im Dienst, persönlich oder \
per Video. Die oder der Mentee schickt vorher ein paar Zeilen dazu, worum es gehen soll. Wer nicht kommen kann, sagt \
so früh wie möglich Bescheid und schlägt einen anderen Termin vor. Zwischen den Treffen schreiben wir uns hier; eine \
Antwort darf eine Woche dauern.""",
    "confidentiality": """\
Was wir einander erzählen, bleibt unter uns. Ohne Einverständnis gibt niemand von uns etwas an Vorgesetzte, \
Kolleginnen und Kollegen oder das Programm weiter, und die Mentorin oder der Mentor beurteilt die oder den Mentee \
nicht. Es gibt Grenzen: Wenn Leben oder Sicherheit eines Menschen in Gefahr sind oder das Gesetz es verlangt, müssen \
wir unter Umständen mit anderen sprechen. Wenn es irgend geht, sagen wir es einander vorher.""",
    "ending": """\
Jede und jeder von uns darf dieses Mentoring jederzeit beenden, ohne Begründung und ohne Vorwurf. Ein kurzes Gespräch \
zum Abschluss tut gut: was gelungen ist und was als Nächstes kommt. Die Vertraulichkeit gilt auch danach.""",
    "disputes": """\
Wenn einen von uns etwas stört, sprechen wir zuerst miteinander. Hilft das nicht oder ist es nicht möglich, dürfen wir \
uns jeweils allein an die Koordination des Programms oder an die Ombudsstelle der Einrichtung wenden.""",
    "review": """\
Am vereinbarten Tag nehmen wir uns zehn Minuten für die Fragen: Hilft uns das? Treffen wir uns so oft, wie wir \
möchten? Was wollen wir ändern? Wir können diese Vereinbarung jederzeit ändern; eine neue Fassung gilt, sobald wir sie \
beide unterschrieben haben.""",
}
DEFAULT_TEXTS: Mapping[Language, Texts] = {"en": _ENGLISH, "de": _GERMAN}
