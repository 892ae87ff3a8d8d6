"""Words by which free text and names without a known code tell what is sensitive, without regard to case.

A net under the codes, in the languages in which people are written to. It errs towards keeping back; what is common in
another meaning (the ST depression of an ECG) is left through. A blank in a stem is where a word begins or ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from carethread.careteams.sharing.categories import PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE

_DRUGS = ("alcohol", "drug", "substance", "opioid", "opiate", "cannabis", "cocaine")
_USES = (" use", " abuse", " misuse", " depend", " addict", " withdraw", " intox", " problem")

STEMS: Mapping[str, tuple[str, ...]] = {
    PSYCHIATRIC: (
        "depression", "depressive", "dépressi", "depresi", "depressão", "antidepress", "psychiatr", "psychos",
        "psychotic", "psychotherap", "psiquiatr", "psicoter", "schizo", "esquizo", "bipolar disorder",
        "bipolar affect", " bipolar i", " mania ", " manic ", "anxiety", "ansiedad", "angststörung", "panic attack",
        "panic disorder", " ptsd ", "posttraumatic stress", "post traumatic stress", "suicid", "suizid", "self harm",
        "anorexia nervosa", "bulimi", "eating disorder", "obsessive compulsive", "personality disorder",
        "mental illness", "mental disorder", "mental health", " adhd ", "attention deficit", "autism", "autist",
        "dementia", "demenz", " phq 9 ", " phq 2 ", " phq9 ", " phq2 ", " gad 7 ", " gad7 ", "antipsychot",
        "sertralin", "fluoxetin", "citalopram", "paroxetin", "venlafaxin", "duloxetin", "bupropion", "mirtazapin",
        "trazodon", " lithium ", "olanzapin", "quetiapin", "risperidon", "aripiprazol", "clozapin", "haloperidol",
        "alprazolam", "lorazepam", "clonazepam", "methylphenidat",
    ),
    SUBSTANCE: (
        *(drug + use for drug in _DRUGS for use in _USES),
        "alcoholi", "alcooli", "alkoholabh", "alkoholmiss", "alkoholsucht", "alkoholi", "drinking too much",
        "misuses drugs", " addict", "drogen", " overdose", " heroin ", " cocaine ", "methamphet", " detox", " sober ",
        " sobriety ", "methadon", "buprenorphin", "naltrexon", "disulfiram", "acamprosat", "naloxon", " audit c ",
        " dast ", " dast 10 ", " crafft ", "unhealthy alcohol drinking",
    ),
    SEXUAL: (
        " hiv", " vih ", "immunodeficiency virus", "acquired immune deficiency", "acquired immunodeficiency",
        "sexually transmitted", " sti ", " stis ", "syphili", "gonorrh", "chlamydia", "genital herpes",
        "herpes genital", "contracepti", "anticoncep", "verhütung", "birth control", " abortion",
        "termination of pregnancy", "erectile", "sexuality", "sexual health", "sexual dysfunction",
        "sexual orientation", "sexually activ", "gender dysphoria", "gender identity",
    ),
    VIOLENCE: (
        "domestic violence", "domestic abuse", "häusliche gewalt", "violencia doméstica", "violencia de género",
        "violence conjugale", "violência doméstica", "intimate partner", "partner abuse", "partner violence",
        "sexual abuse", "physical abuse", "emotional abuse", "child abuse", "elder abuse", "spouse abuse",
        "spousal abuse", "sexual assault", "sexually assault", " rape ", " raped ", " battered ",
        "violence in the home", "violence in the environment", "afraid of your partner", "women s shelter",
        "women s refuge",
    ),
}  # fmt: skip

HARMLESS = (
    " st depression", "respiratory depression", "marrow depression", "cns depression", "myocardial depression",
    "mental health vision", "spontaneous abortion", "drug use evaluation",
)  # fmt: skip
"""What has a stem in it and tells nothing: among them the answer of the AHC questionnaire that lists kinds of care."""

_BETWEEN = re.compile(r"[\W_]+")


def telling(texts: Iterable[str]) -> frozenset[str]:
    """The categories that words of the texts tell of."""
    said = "\n".join(f" {_BETWEEN.sub(' ', text.casefold())} " for text in texts)
    for phrase in HARMLESS:
        said = said.replace(phrase, " ")
    return frozenset(category for category, stems in STEMS.items() if any(stem in said for stem in stems))
