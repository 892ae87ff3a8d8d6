"""The words by which `words` tells what is sensitive: data alone, in the languages in which people are written to.

A stem is found anywhere in a text; a blank in it is where a word begins or ends. All is as `words.plain` leaves it.
A pattern is for what is said in words that mean nothing by themselves. Names of substances are those of RxNorm and of
ATC, without their endings, so that both are found, and product names as they are sold in the United States.

Sources: antiretrovirals, https://clinicalinfo.hiv.gov/en/drugs; contraceptives, https://www.cdc.gov/contraception/hcp/usmec;
treatment of substance use, https://www.samhsa.gov/medications-substance-use-disorders; psychotropic medication, ATC N05
and N06; violence at home, the HITS and HARK questionnaires.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.sharing.categories import PSYCHIATRIC, SEXUAL, SUBSTANCE, VIOLENCE

_DRUGS = ("alcohol", "drug", "substance", "opioid", "opiate", "cannabis", "cocaine")
_USES = (" use", " abuse", " misuse", " depend", " addict", " withdraw", " intox", " problem")

_ANTIRETROVIRALS = (
    "abacavir", "atazanavir", "bictegravir", "cabotegravir", "cobicistat", "darunavir", "delavirdin", "didanosin",
    "dolutegravir", "doravirin", "efavirenz", "elvitegravir", "emtricitabin", "enfuvirtid", "etravirin",
    "fosamprenavir", "fostemsavir", "ibalizumab", "indinavir", "lamivudin", "lenacapavir", "lopinavir", "maraviroc",
    "nelfinavir", "nevirapin", "raltegravir", "rilpivirin", "ritonavir", "saquinavir", "stavudin", "tenofovir",
    "tipranavir", "zidovudin", "antiretrovir", " apretude ", " atripla ", " biktarvy ", " cabenuva ", " combivir ",
    " complera ", " delstrigo ", " descovy ", " dovato ", " edurant ", " epivir ", " epzicom ", " evotaz ", " genvoya ",
    " intelence ", " isentress ", " juluca ", " kaletra ", " norvir ", " odefsey ", " pifeltro ", " prezcobix ",
    " prezista ", " retrovir ", " reyataz ", " rukobia ", " selzentry ", " stribild ", " sunlenca ", " sustiva ",
    " symtuza ", " tivicay ", " triumeq ", " trizivir ", " truvada ", " viread ", " yeztugo ", " ziagen ",
    "pre exposure prophyla", "preexposure prophyla", "post exposure prophylaxis hiv", "präexpositionsprophyla",
    "profilaxis preexposición", "profilaxis previa a la exposición", " prep clinic", " on prep ", " prep for hiv",
    " takes prep ", " starts prep ", " started prep ",
)  # fmt: skip

_CONTRACEPTIVES = (
    "contracepti", "anticoncep", "contraceptif", "verhütung", "birth control", "levonorgestrel", "ulipristal",
    "norelgestromin", "etonogestrel", "drospirenon", "desogestrel", "norgestimat", "norgestrel", "norethindron",
    "norethisteron", "ethynodiol", "ethinyl estradiol", "ethinylestradiol", "medroxyprogesteron", "depo provera",
    "morning after pill", " plan b ", "pille danach", "antibabypille", "hormonspirale", "kupferspirale",
    "píldora del día después", "pilule du lendemain", "pílula do dia seguinte", "intrauterine device", " iud ",
    " ella ulipristal", " mirena ", " kyleena ", " liletta ", " skyla ", " paragard ", " nexplanon ", " implanon ",
    " nuvaring ", " yaz ", " yasmin ", " seasonique ", " natazia ", " camila 28", " errin 28", " jolivette ",
    " levora ", " trinessa ", " vasectom", "vasektom", "tubal ligation",
)  # fmt: skip

_TERMINATION = (
    " abortion", "induced abortion", "termination of pregnan", "pregnancy termination", "terminated pregnancy",
    "terminated her pregnancy", "terminate the pregnancy", "terminate her pregnancy", "terminate pregnancy",
    "interruption of pregnancy", "mifepriston", "misoprostol", "schwangerschaftsabbr", "abtreibung", "abgetrieben",
    "interrupción del embarazo", "interrupción voluntaria", " aborto ", " abortos ", " avortement",
    "interruption volontaire de grossesse", "interrupção da gravidez", "interrupção voluntária",
)  # fmt: skip

STEMS: Mapping[str, tuple[str, ...]] = {
    PSYCHIATRIC: (
        "depression", "depressive", "depressiv", "dépressi", "depresi", "depressão", "antidepress", "psychiatr",
        "psychisch", "psychos", "psychotic", "psychotherap", "psiquiatr", "psicoter", "psicosis", "psicose", "schizo",
        "esquizo", " bipolar", "trastorno bipolar", "manisch", " mania ", " manic ", "hypomani", "anxiety", "ansiedad",
        "angststörung", "anxiété", "panic attack", "panic disorder", "panikattack", "panikstör", " ptsd ", " ptbs ",
        "posttraumatic stress", "post traumatic stress", "posttraumatische belastung", "belastungsstörung", "suicid",
        "suizid", "selbstmord", "selbsttötung", "lebensmüde", "self harm", "self injur", "self mutilat", "parasuicid",
        "selbstverletz", "autoles", "automutil", "anorexia nervosa", "anorexie mentale", "magersucht", "bulimi",
        "eating disorder", "essstörung", "obsessive compulsive", "zwangsstörung", "personality disorder",
        "persönlichkeitsstörung", "mental illness", "mental disorder", "mental health", "trastorno mental",
        "santé mentale", "salud mental", "saúde mental", " adhd ", " adhs ", "attention deficit", "autism", "autist",
        "dementia", "demenz", " phq 9 ", " phq 2 ", " phq9 ", " phq2 ", " gad 7 ", " gad7 ", "antipsychot",
        "sertralin", "fluoxetin", "citalopram", "paroxetin", "fluvoxamin", "venlafaxin", "duloxetin", "vortioxetin",
        "bupropion", "mirtazapin", "trazodon", " lithium ", "olanzapin", "quetiapin", "risperidon", "paliperidon",
        "aripiprazol", "brexpiprazol", "lurasidon", "ziprasidon", "clozapin", "haloperidol", "alprazolam", "lorazepam",
        "clonazepam", "methylphenidat", "atomoxetin", "lisdexamfetamin",
    ),
    SUBSTANCE: (
        *(drug + use for drug in _DRUGS for use in _USES),
        "alcoholi", "alcooli", "alkoholabh", "alkoholkrank", "alkoholmiss", "alkoholentzug", "alkoholproblem",
        "alkoholsucht", "alkoholsücht", "alkoholi", "drinking too much", "drinks too much", "drinks heavily",
        "heavy drink", "binge drink", "problem drink", "hazardous drink", "harmful drink", "trinkt zu viel",
        "trinkt viel alkohol", "starker trinker", "starke trinkerin", "bebedor", "bebe demasiado", "boit trop",
        "abuso de alcohol", "abus d alcool", "abuso de álcool", "bebe demais", "misuses drugs", " addict", "drogen",
        "drogad", "toxicoman", "suchterkrank", "suchtkrank", "suchtberat", "drogas", "drogue", " overdose", " heroin ",
        " héroïne", " cocaine ", " kokain", "methamphet", " crack cocaine", "injects drugs", "injecting drugs",
        " ivdu ", " detox", " sober ", " sobriety ", " oud ", " moud ", " aud in ", " sud in ", " sud treatment",
        "methadon", "buprenorphin", " suboxone ", " subutex ", " sublocade ", " zubsolv ", "naltrexon", " vivitrol ",
        "disulfiram", " antabuse ", "acamprosat", "naloxon", " narcan ", "lofexidin", " audit c ", " dast ",
        " dast 10 ", " crafft ", "unhealthy alcohol drinking",
    ),
    SEXUAL: (
        *_ANTIRETROVIRALS,
        *_CONTRACEPTIVES,
        *_TERMINATION,
        " hiv", " vih ", " sida ", " has aids ", " with aids ", " aids related", " aids defining",
        "immunodeficiency virus", "immunschwächevirus", "acquired immune deficiency", "acquired immunodeficiency",
        "sexually transmitted", "geschlechtskrank", "transmisión sexual", "sexuellement transmiss", " sti ", " stis ",
        "syphili", "sífilis", "gonorrh", "gonorrö", "tripper", "chlamydia", "chlamydien", "genital herpes",
        "herpes genital", "erectile", "sexuality", "sexual health", "sexual dysfunction", "sexual orientation",
        "sexually activ", "gender dysphoria", "gender identity",
    ),
    VIOLENCE: (
        "domestic violence", "domestic abuse", "häusliche gewalt", "häuslicher gewalt", "gewalt in der ehe",
        "gewalt in der familie", "gewalt in der partnerschaft", "gewalt in der beziehung", "misshandel", "misshandl",
        "vergewaltig", "frauenhaus", "violencia doméstica", "violencia de género", "violencia de pareja",
        "violencia machista", " maltrat", "violence conjugale", "violences conjugales", "violência doméstica",
        " ipv ", "intimate partner", "partner abuse", "partner violence", "sexual abuse", "physical abuse",
        "emotional abuse", "child abuse", "elder abuse", "spouse abuse", "spousal abuse", "abusive husband",
        "abusive partner", "abusive relationship", "abusive boyfriend", "sexual assault", "sexually assault",
        " rape ", " raped ", " battered ", "violence in the home", "violence at home", "violence in the environment",
        "afraid of your partner", "afraid of her partner", "afraid of her husband", "afraid of his partner",
        "women s shelter", "women s refuge",
    ),
}  # fmt: skip

_OWN = "(?:her|him|his|them|their|my|your|one)"
_HURTS = (
    "(?:hit|hits|hitting|beat|beats|beaten|beating|slap|slaps|slapped|punch|punches|punched|kick|kicks|kicked|choke|"
    "chokes|choked|strangle|strangles|strangled|hurt|hurts|threaten|threatens|threatened|abuse|abuses|abused|assault|"
    "assaults|assaulted|attacked|pushed|burned)"
)
_CLOSE = "(?:husband|wife|spouse|partner|boyfriend|girlfriend|fiancé|fiance|father|mother|stepfather|brother|son|ex)"
_NAH = (
    "(?:ehemann|mann|ehemannes|mannes|ehefrau|frau|partner|partnerin|partners|lebensgefährten|lebensgefährtin|freund|"
    "freundin|vater|mutter|bruder|sohn|ex)"
)
_GETAN = "(?:geschlagen|schlägt|verprügelt|prügelt|gewürgt|würgt|getreten|bedroht|gequält)"

PATTERNS: Mapping[str, tuple[str, ...]] = {
    PSYCHIATRIC: (
        f" (?:cut|cuts|cutting|burn|burns|burning|hurt|hurts|hurting|harm|harms|harming|kill|killing) {_OWN}sel",
        f" (?:cut|cuts|cutting) {_OWN} (?:own )?(?:arm|wrist|leg|thigh|skin)",
        f" (?:end|ending|take|taking|took) {_OWN} (?:own )?life ",
        " (?:want|wants|wanted|wishes) to (?:die|be dead) ",
        " (?:no longer|not) wants? to (?:live|go on) ",
        " (?:ritzt|schneidet|verletzt) (?:sich|sie sich|er sich) ",
        " (?:will|möchte) (?:nicht mehr leben|sterben) ",
        " (?:quiere|quería) (?:morir|matarse) ",
        " (?:veut|voulait) (?:mourir|se tuer) ",
        " (?:quer|queria) (?:morrer|se matar) ",
    ),
    VIOLENCE: (
        f" {_HURTS}(?: up)? by (?:her |his |their |my |the |an? )?(?:ex )?{_CLOSE} ",
        f" {_CLOSE}(?: \\w+){{0,2}} {_HURTS} (?:her|him|them|me|she|the patient) ",
        f" (?:vom|von (?:ihrem|seinem|ihrer|seiner|dem|der)|durch (?:ihren|den|ihre|die|seine)) (?:ex )?{_NAH}"
        f"(?: \\w+){{0,3}} {_GETAN} ",
        f" {_NAH}(?: \\w+){{0,2}} {_GETAN} (?:sie|ihn|mich) ",
        " (?:golpeada|golpeado|agredida|agredido|pegada) por (?:su|el) ",
        " (?:marido|esposo|pareja|novio)(?: \\w+)? (?:le|la|lo) (?:pega|golpea) ",
        " (?:battue|frappée|battu|frappé) par (?:son|sa) ",
        " (?:agredida|agredido|espancada) pel[oa] ",
    ),
}

HARMLESS = (
    " st depression", "respiratory depression", "marrow depression", "cns depression", "myocardial depression",
    "mental health vision", "spontaneous abortion", " aborto espontáneo", "drug use evaluation", " bipolar electro",
    " bipolar hip", " bipolar hemiarthroplast", " bipolar prosthes", " bipolare prothes", " bipolar caut",
    " bipolar coagul", " bipolare koagul", " bipolar forceps", " bipolar lead", " bipolar resection",
    " bipolar radiofrequency", " ipv vaccin", " ipv opv ", " dtap ipv ", " dtap hib ipv ", " tdap ipv ",
    " polio ipv ", "poliovirus vaccine ipv ",
)  # fmt: skip
"""What has a stem in it and tells nothing: among them the answer of the AHC questionnaire that lists kinds of care, and
what is done with two poles."""
