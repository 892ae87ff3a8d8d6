"""The whole demo practice as FHIR R4 resources: the same seed and day give the same bytes.

Every id is fixed by what the resource is about, so loading is PUT and loading again changes nothing. A resource comes
after all that it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from carethread.demo import bookings, careteams, circumstances, directory, followup, hours, people, questionnaires
from carethread.demo.fhir import Resource
from carethread.demo.responses import questionnaire_responses, responses


def generate(seed: int, today: date) -> Iterator[Resource]:
    """Every resource of the practice as it stands at the start of `today`, in the order to load them.

    The window is the six weeks before `today` and the four weeks from it; `seed` decides who there is and what happens.
    What happened earlier is `history`.
    """
    residents = people.population(seed)
    yield from directory.organizations()
    yield from directory.locations()
    yield from directory.services()
    yield from directory.practitioners()
    yield from directory.practitioner_roles()
    yield from people.patients(residents)
    yield from people.related_people(residents)
    booked = list(bookings.bookings(seed, today, residents))
    kept = [booking for booking, status in booked if status == "fulfilled"]
    missed = [booking for booking, status in booked if status == "noshow"]
    answered = list(responses(seed, today, residents, kept))
    yield from circumstances.conditions(residents)
    yield from circumstances.needs_known(answered)

    yield from hours.schedules(today)
    yield from hours.slots(today)
    for booking, status in booked:
        yield bookings.appointment(booking, status)

    yield from questionnaires.questionnaires()
    yield from questionnaire_responses(answered)
    yield from circumstances.observations(residents, answered)
    yield from circumstances.needs_found(answered)

    found = {r.person.number: r.found for r in answered if r.found}
    teams = careteams.teams(residents, found)
    yield from careteams.department_teams()
    yield from careteams.care_teams(teams)
    yield from careteams.department_goals()
    yield from careteams.goals(teams, today)
    yield from careteams.care_plans(teams)
    yield from followup.tasks(teams, missed, answered)
    yield from followup.flags(residents, answered)
    yield from followup.consents(residents)
    yield from followup.communications(kept)
