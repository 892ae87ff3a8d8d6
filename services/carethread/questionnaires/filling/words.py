"""What the page says by itself, in English and Spanish; a form says the rest, in whatever language it has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from carethread.core.fhir.elements import extension, objects
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.words import TRANSLATION, base

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español"}
"""The languages that the page speaks, as they call themselves."""

_WORDS: Mapping[str, tuple[str, str]] = {
    # what is on every page
    "title": ("Form", "Formulario"),
    "skip": ("Skip to the questions", "Saltar a las preguntas"),
    "language": ("Language", "Idioma"),
    "asked-by": ("From {who}", "De parte de {who}"),
    "answer-by": ("You can answer until {day}.", "Puede responder hasta el {day}."),
    "noscript": ("Update the questions", "Actualizar las preguntas"),
    "why-update": (
        "Some questions depend on what you answer. Press this button to see them.",
        "Algunas preguntas dependen de lo que responda. Pulse este botón para verlas.",
    ),
    # questions
    "required": ("(please answer)", "(responda, por favor)"),
    "some": ("You may choose more than one.", "Puede elegir más de una."),
    "none": ("No answer", "Sin respuesta"),
    "choose": ("Please choose", "Elija"),
    "other": ("Something else", "Otra cosa"),
    "other-text": ("Something else, in your words", "Otra cosa, con sus palabras"),
    "yes": ("Yes", "Sí"),
    "no": ("No", "No"),
    "year": ("Year", "Año"),
    "month": ("Month", "Mes"),
    "day": ("Day", "Día"),
    "time": ("Time", "Hora"),
    "time-hint": ("For example 14:30 or 2:30 pm", "Por ejemplo, 14:30"),
    "clock": ("time of {place}", "hora de {place}"),
    "date-hint": ("For example 3 / 27 / 1980. If you do not know the day, leave it out.",
                  "Por ejemplo, 27 / 3 / 1980. Si no sabe el día, déjelo en blanco."),
    "number": ("Number", "Número"),
    "unit": ("Unit", "Unidad"),
    "answer": ("{text}, answer {number}", "{text}, respuesta {number}"),
    "add": ("Add another answer", "Añadir otra respuesta"),
    "remove": ("Remove", "Quitar"),
    "remove-answer": ("Remove answer {number}: {text}", "Quitar la respuesta {number}: {text}"),
    "add-group": ("Add another: {text}", "Añadir otro: {text}"),
    "remove-group": ("Remove number {number}: {text}", "Quitar el número {number}: {text}"),
    "entry": ("Entry", "Entrada"),
    "of-group": ("{text}: number {number}", "{text}: número {number}"),
    "prefilled-record": ("From your record, please check.", "De su expediente; compruébelo, por favor."),
    "prefilled-response": ("You told us this before, please check.", "Nos lo dijo antes; compruébelo, por favor."),
    "unanswerable": (
        "This cannot be answered here. Please bring it along, or tell us when we speak.",
        "Esto no se puede responder aquí. Tráigalo o díganoslo cuando hablemos.",
    ),
    "least": ("At least {least}.", "Como mínimo, {least}."),
    "most": ("At most {most}.", "Como máximo, {most}."),
    "between": ("From {least} to {most}.", "De {least} a {most}."),
    "length": ("At most {most} characters.", "Como máximo, {most} caracteres."),
    # progress and going on
    "part": ("Part {number} of {count}", "Parte {number} de {count}"),
    "answered": ("{number} of {count} questions answered", "{number} de {count} preguntas respondidas"),
    "parts": ("Parts of this form", "Partes de este formulario"),
    "here": ("you are here", "está aquí"),
    "next": ("Save and continue", "Guardar y continuar"),
    "back": ("Back", "Volver"),
    "later": ("Save and go on later", "Guardar y seguir más tarde"),
    "send": ("Send", "Enviar"),
    "more": ("There are new questions below.", "Hay nuevas preguntas más abajo."),
    "fewer": ("Questions that do not concern you were taken away.", "Se quitaron preguntas que no le conciernen."),
    "lost": ("There is no connection just now. What you enter stays here; please try again.",
             "Ahora no hay conexión. Lo que escriba sigue aquí; inténtelo de nuevo."),
    # what is wrong
    "errors": ("Please look at this again", "Revise esto, por favor"),
    "errors-elsewhere": ("There is something to look at in part {number} too.",
                         "También hay algo que revisar en la parte {number}."),
    "error": ("To correct:", "Por corregir:"),
    "needed": ("Please answer this question.", "Responda a esta pregunta, por favor."),
    "needed-group": ("Please answer something here.", "Responda algo aquí, por favor."),
    "integer": ("Please write a whole number, such as 12.", "Escriba un número entero, como 12."),
    "decimal": ("Please write a number, such as 7 or 7.5.", "Escriba un número, como 7 o 7,5."),
    "date": ("Please write a date that exists, with four digits for the year.",
             "Escriba una fecha que exista, con cuatro cifras para el año."),
    "time-wrong": ("Please write a time, such as 14:30.", "Escriba una hora, como 14:30."),
    "url": ("Please write a web address without spaces, such as https://example.org.",
            "Escriba una dirección web sin espacios, como https://example.org."),
    "not-offered": ("Please choose one of the answers that are offered.",
                    "Elija una de las respuestas que se ofrecen."),
    "exclusive": ("One of your answers leaves no room for others.", "Una de sus respuestas excluye las demás."),
    "does-not-fit": ("Please check this answer: it does not fit the question.",
                     "Revise esta respuesta: no corresponde a la pregunta."),
    "check": ("Please check this answer.", "Revise esta respuesta."),
    "times": ("Please check how many answers there are.", "Revise cuántas respuestas hay."),
    "nothing": ("Nothing is answered yet. Please answer what you can; you need not answer all.",
                "Todavía no hay ninguna respuesta. Responda lo que pueda; no hace falta responder a todo."),
    "whole": ("The form cannot be sent like this. Please tell us by telephone, and we will help.",
              "El formulario no se puede enviar así. Díganoslo por teléfono y le ayudaremos."),
    "conflict": (
        "This form was changed in another window. Below is what was saved there; what you had changed here was not "
        "saved. Please look through it.",
        "Este formulario se cambió en otra ventana. Abajo está lo que se guardó allí; lo que cambió aquí no se guardó. "
        "Revíselo, por favor.",
    ),
    "busy": ("We could not save this just now. What you entered is still here: please try again in a moment.",
             "No pudimos guardarlo ahora. Lo que escribió sigue aquí: inténtelo de nuevo en un momento."),
    # help
    "help": ("There is help for you", "Hay ayuda para usted"),
    "call-number": ("Call {number}", "Llamar al {number}"),
    "text-number": ("Text {number}", "Mensaje al {number}"),
    "help-waiting": (
        "We are letting our team know what you said. Please do not wait for us if you need help now.",
        "Estamos avisando a nuestro equipo de lo que nos dice. No nos espere si necesita ayuda ahora.",
    ),
    "help-called": (
        "We have told somebody of our team, and will tell others if we do not hear from them. Please do not wait for "
        "us if you need help now.",
        "Hemos avisado a alguien de nuestro equipo, y avisaremos a otros si no nos responde. No nos espere si necesita "
        "ayuda ahora.",
    ),
    "help-seen": (
        "Somebody of our team has seen this and is taking care of it.",
        "Alguien de nuestro equipo ya lo ha visto y se está ocupando.",
    ),
    "help-nobody": (
        "We could not reach anybody of our team. We keep trying, but please do not wait for us.",
        "No hemos podido avisar a nadie de nuestro equipo. Lo seguimos intentando, pero no nos espere.",
    ),
    "help-unsaved": (
        "What you chose just now could not be saved, so it has told nobody. Please do not wait for us.",
        "Lo que acaba de elegir no se pudo guardar, así que no ha avisado a nadie. No nos espere.",
    ),
    "help-nobody-call": (
        "If you need help, call one of these numbers now.",
        "Si necesita ayuda, llame ahora a uno de estos números.",
    ),
    "help-nobody-emergency": (
        "If you need help, call your local emergency number now.",
        "Si necesita ayuda, llame ahora al número de emergencias de su zona.",
    ),
    "help-general": (
        "If anything of what you answered cannot wait: in danger, call 911. To talk to somebody, call or text 988, "
        "day and night, free of charge.",
        "Si algo de lo que respondió no puede esperar: en peligro, llame al 911. Para hablar con alguien, llame o "
        "envíe un mensaje de texto al 988, de día y de noche, gratis.",
    ),
    # pages without questions
    "saved-title": ("Your answers are saved", "Sus respuestas están guardadas"),
    "saved": ("You can go on at any time with the same link, on this device or another.",
              "Puede seguir cuando quiera con el mismo enlace, en este dispositivo o en otro."),
    "saved-until": ("The link is good until {day}.", "El enlace vale hasta el {day}."),
    "go-on": ("Go on now", "Seguir ahora"),
    "sent-title": ("Thank you", "Gracias"),
    "sent": ("Your answers have been sent. You may close this page.",
             "Sus respuestas se han enviado. Puede cerrar esta página."),
    "sent-unnamed": ("Your answers have been sent without your name. You may close this page.",
                     "Sus respuestas se han enviado sin su nombre. Puede cerrar esta página."),
    "over-title": ("This form is closed", "Este formulario está cerrado"),
    "over": (
        "It was sent already, its time is over, or there is a newer link. To add something, please call us.",
        "Ya se envió, su plazo terminó o hay un enlace más nuevo. Si quiere añadir algo, llámenos, por favor.",
    ),
    "unknown-title": ("This link does not lead to a form", "Este enlace no lleva a ningún formulario"),
    "unknown": (
        "Please check that the whole link was copied. It may also be that the form was sent already, or that there is "
        "a newer link. If you need help, please call us.",
        "Compruebe que el enlace esté completo. También puede ser que el formulario ya se haya enviado o que haya un "
        "enlace más nuevo. Si necesita ayuda, llámenos, por favor.",
    ),
    "unfit-title": ("This form cannot be shown here", "Este formulario no se puede mostrar aquí"),
    "unfit": ("The fault is ours. Please call us, and we will go through it together.",
              "El fallo es nuestro. Llámenos y lo veremos juntos."),
    "trouble-title": ("This does not work just now", "Esto no funciona ahora"),
    "trouble": ("The fault is ours. Please try again in a few minutes.",
                "El fallo es nuestro. Inténtelo de nuevo en unos minutos."),
    "too-much-title": ("That is too much at once", "Es demasiado de una vez"),
    "too-much": ("Please go back, write a little less, and try again.",
                 "Vuelva atrás, escriba un poco menos e inténtelo de nuevo."),
    "unreadable-title": ("That could not be read", "No se pudo leer"),
    "unreadable": ("Please open the link again.", "Abra el enlace de nuevo, por favor."),
    "emergency": ("In an emergency, do not wait for us: call your local emergency number.",
                  "En una emergencia, no espere: llame al número de emergencias de su zona."),
    "privacy": ("Only your care team sees what you write here.", "Solo su equipo de atención ve lo que escribe aquí."),
    "privacy-unnamed": ("This form is answered without a name: we do not keep who answers.",
                        "Este formulario se responde sin nombre: no guardamos quién responde."),
}  # fmt: skip


def spoken(language: str) -> str:
    """The language of ours for a language: itself, or English."""
    return base(language) if base(language) in LANGUAGES else "en"


def word(name: str, language: str, **more: object) -> str:
    """A text of the page in the nearest language that it speaks."""
    text = _WORDS[name][list(LANGUAGES).index(spoken(language))]
    return text.format(**more) if more else text


def chosen(form: Form, *wanted: str, accepted: str = "") -> str:
    """The language of the page: the first wanted one that the form has, else one that is accepted, else its own."""
    has = languages(form)
    known = {base(each): each for each in reversed(has)}
    for each in (*wanted, *ranked(accepted)):
        if each and base(each) in known:
            return each if each in has else known[base(each)]
    return has[0]


@lru_cache(maxsize=256)
def languages(form: Form) -> tuple[str, ...]:
    """The languages of a form: its own, then those that it is translated to."""
    found = dict.fromkeys([str(form.raw.get("language") or "en")])
    for each in objects(form.raw.get("item", [])):
        for said in each.get("_text", {}).get("extension", ()) if isinstance(each.get("_text"), dict) else ():
            if said.get("url") == TRANSLATION and (code := extension(said, "lang").get("valueCode")):
                found[str(code)] = None
    own, *others = found
    return (own, *sorted(others))


def ranked(accepted: str) -> list[str]:
    """The languages of Accept-Language, the dearest first (RFC 9110 section 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            found.append((-float(weight or 1), name))
        except ValueError:
            continue
    return [name for weight, name in sorted(found, key=lambda each: each[0]) if weight < 0 and name != "*"]
