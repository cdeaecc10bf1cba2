"""How texts speak to whoever rates, analyses or classifies them: the phrases, over folded letters. Pure."""

import re

_INSTRUCTIONS = (
    r"(?:instruc\w+|instruct\w*|prompts?|rules?|regras?|guidelines?|diretriz\w*|orders|ordens|training"
    r"|treinamento|criteri\w+|rubric\w*|programming"
    r"|programacao|reglas|consignes|anweisungen|vorgaben|istruzioni|tasks?|tarefas?|informations? (?:above"
    r"|before)|assignments?|context|everything (?:above|before)|tudo (?:acima|antes))"
)
_IGNORE = (
    r"(?:ignor[ea]\w*|disregard|forget(?: about)?|override|bypass|skip over|discard|esquec[ea]\w*|desconsidere"
    r"|desobedeca|descarte|abandone|nao siga|nao obedeca|do not follow|don t follow|stop following|pare de seguir"
    r"|olvida|oublie\w*|vergiss|ignoriere|vergessen|dimentica|ignorez)"
)
_READER = (
    r"(?:whoever|whomever|who ?ever|anyone|qualquer um|quem|aquele|a pessoa|o sistema|the (?:system|model|program"
    r"|software|machine|tool)|o (?:modelo|programa|robo))(?: \w+){0,2} (?:reads?|rates?|reviews?|scores?|grades?"
    r"|analy[sz]es?|evaluat\w+|judg\w+|process\w*|ler|le|leia|avalia\w*|analis\w*|classific\w*|julg\w*|for (?:ler"
    r"|avaliar|analisar)|estiver (?:lendo|avaliando|analisando)|esta (?:lendo|avaliando|analisando)|is (?:reading"
    r"|rating|scoring|grading|reviewing|analy[sz]ing|evaluating))"
)
_ROLE = (
    r"(?:analy[sz]er|analyst|evaluator|grader|rater|reviewer|annotator|auditor|classifier|judge|(?:language"
    r"|ai) model|llms?|gpt[\w-]*|chat ?gpt|claude|gemini|artificial intelligence|(?:the |any |dear )ai (?:that"
    r"|who|reading|rating|grading|model|which|reviewing)|quality (?:bot|system|team|checker)|rating (?:bot|system"
    r"|model)|scoring (?:bot|system|model)|analysis (?:bot|system|model|engine)"
    r"|analista|avaliador\w*|classificador\w*|juiz|revisor\w*|auditor\w*|modelo de linguagem"
    r"|inteligencia artificial|ia (?:que|de analise|avaliadora|analista)|robo (?:que|de analise|avaliador)"
    r"|sistema de (?:analise|avaliacao|qualidade)|modelo (?:que|de analise)|evaluador\w*|analizador\w*|bewerter"
    r"|evaluateur)"
)
_TALK = (
    r"(?:conversation|conversations?|chat|dialog(?:ue)?|interaction|transcript|session|exchange|conversa|dialogo"
    r"|interacao|atendimento|transcricao|conversacion|gesprach|conversazione|this one|thread)"
)
_VALUE = (
    r"(?:\b(?:10|ten|dez|nove|9|0|zero|zehn|dix|diez|dieci|100|5 stars?|five stars?|cinco estrelas|5 estrelas|max\w*"
    r"|highest|perfect\w*|top (?:score|marks|rating)|full marks|excelente|excellent|positiv\w+|negativ\w+|resolved"
    r"|solved|resolvid\w+|satisfied|satisfeit\w+|unsatisfied|insatisfeit\w+|happy|reached|atingid\w*|alcancad\w*"
    r"|worst|pior|lowest|minim\w+|menor|sucesso|success\w*|resuelt\w+|satisfech\w+|nothing wrong|no faults?"
    r"|sem falhas?)\b)"
)
_RATES = (
    r"(?:rate|score|grade|mark|classify|label|evaluate|assess|consider|count|record|log|register|set|assign|award"
    r"|report|return|output|answer|respond|reply|write|print|put|treat|flag|give|tag|judge|rank|increase|raise"
    r"|avalie|classifique|marque|considere|registre|pontue|atribua|responda|retorne|devolva|escreva|coloque|ponha"
    r"|defina|anote|trate|julgue|aumente|eleve|conceda|deem|deixe|calificar?|califica|puntua|marca|marquez|notez"
    r"|bewerte|gib|valuta|dai|donnez|assigna|asigna|pon)"
)
_STARTS = (
    r"(?:^|[.!?:;,\n\]})>\"-]\s*|\b(?:please|pls|por favor|favor|just|so|then|and|e|entao|apenas|you (?:must|should"
    r"|will|have to|need to|are to)|voce (?:deve|precisa|vai|tem que|tem de)|must|deve(?:m)?|should|always|sempre|now"
    r"|agora|to|para|porfavor|bitte|s il vous plait|kindly|simply|instead|em vez disso)\s)"
)
OWN_VOICE = re.compile(
    r"\b(?:i|we|my|our|i d|i ll|i would|eu|nos|minha|meu|minhas|nossa|dou|daria|dei|damos|merece\w*|deserves?"
    r"|mereceu|would|voce daria|how would you|would you|como voce avalia|de 0 a 10|0 a 10|from 0 to|0 to 10|1 a 5"
    r"|1 to 5|scale|escala)\b"
)
STRONG = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\bi )(?<!\beu )(?<!\bwe )\b{_IGNORE}\b.{{0,50}}\b{_INSTRUCTIONS}\b",
        (
            r"\b(?:forget|ignore|disregard|esqueca|ignora|ignore|vergiss|vergesse|oublie|olvida) (?:now |nun |alles "
            r"|about )?(?:everything|all|todo|tudo|alles|tout|(?:the )?(?:above|previous|preceding)(?= ?(?:[.,;:!]|$"
            r"|and\b|text\b|prompt|messages\b))|o que (?:foi dito|veio) (?:antes|acima)|was)\b(?! (?:i|we|eu|nos|my"
            r"|the (?:message|order)|message|question|order|email|text|one|msg)\b)"
        ),
        (
            r"\b(?:now you are|jetzt bist du|agora voce e|ahora eres) (?!(?:in|at|on|the one|telling|saying|late"
            r"|closed|open|asking|offering|my|being|just|all|dizendo|pedindo)\b)|\b(?:new|further|next|neue|neuen"
            r"|novas?|nueva) (?:tasks?|aufgaben?|tarefas?|tarea|challenge|herausforderung)\b|\b(?:leave|remove|delete"
            r"|erase|drop) (?:all )?(?:the )?(?:previous|prior|vorherigen) (?:information|tasks?|instructions|context"
            r"|conversation)\b|\b(?:anweisungen|angaben|aufgaben|vorgaben) (?:vergessen|ignorieren)\b|\bhaha pwned\b"
        ),
        (
            rf"\b(?:new|novas?|updated|real|actual|following|nuevas|nouvelles"
            rf"|neue) (?:set of )?{_INSTRUCTIONS}\b.{{0,6}}(?::|$|are|is\b|para|for\b|sao|e\b|follow)"
        ),
        (
            r"\b(?:your|teu|seu|tu|dein) (?:(?:system|initial|original|real|hidden|inicial|secret) )?prompts?\b"
            r"|\b(?:your|suas?|tus|deine) (?:system|initial|original|previous|real|new|hidden|secret|iniciais"
            r"|originais|anteriores) (?:instructions|guidelines|rules)\b|\bsystem prompts?\b|\bprompt (?:texts?"
            r"|inicial|do sistema)\b"
        ),
        rf"{_STARTS}{_RATES}\b.{{0,60}}\b{_TALK}\b.{{0,60}}{_VALUE}",
        rf"{_STARTS}{_RATES}\b.{{0,30}}{_VALUE}.{{0,40}}\b{_TALK}\b",
        (
            rf"{_STARTS}(?:rate|score|grade|classify|avalie|classifique|pontue|evaluate|califica|bewerte|valuta"
            rf"|notez)\b.{{0,40}}{_VALUE}"
        ),
        (
            rf"{_STARTS}(?:set|assign|give|return|output|report|record|atribua|retorne|registre|coloque|defina|ponha"
            rf"|put|conceda|increase|raise|aumente|gib|asigna|pon|donnez)\b.{{0,30}}\b(?:satisfaction|satisfacao"
            rf"|score|nota|rating|sentiment\w*|resolved|resolvido|goal_?reached|effort|pontuacao|satisfaccion"
            rf"|calificacion|note|bewertung|puntuacion)\b.{{0,30}}{_VALUE}"
        ),
        (
            rf"{_STARTS}(?:(?:de|da)(?= (?:\w+ ){{0,2}}(?:nota|pontuacao|avaliacao|score))|give|deem|award|dai|donnez"
            rf"|gib)\b.{{0,20}}\b(?:nota|score|rating|a|an|um|uma|note|note de)? ?(?:10|ten|dez|zero|full marks"
            rf"|nota maxima|maximum|top score|100)\b(?!(?:[.,]\d|\d| ?(?:%|off|reais|dollars|euros|por cento|percent"
            rf"|day|dia|min|hour|hora|more|mais|nights?|noites?|discount|desconto)))"
        ),
        rf"\b{_READER}\b.{{0,80}}\b(?:{_RATES}|must|should|deve)\b",
        (
            rf"\b(?:note|message|attention|atencao|aviso|nota|recado|mensagem|instruction\w*|instruc\w+|hint|psst"
            rf"|important|importante|dear|caro|cara|prezad\w+|ola|oi|hello|hi|hey|ei|warning|memo|achtung"
            rf"|attention)\b.{{0,24}}\b{_ROLE}\b"
        ),
        rf"\b{_ROLE}s?\b\W{{0,3}}.{{0,50}}\b(?:{_RATES}|must|should|deve\w*|ignore)\b",
        rf"^\W*{_ROLE}s?\W*[:,]",
        (
            rf"(?:^|[\[<#*({{]\s*|\n)(?:/?(?:system|sistema|developer|admin(?:istrator)?|assistant|inst|im_start"
            rf"|im_end|sys|override|root|instructions?|instrucoes|instrucao)\b[\]>|*)}}]?\s*(?::|\]|>|\||#"
            rf"|-{{1,2}}\s))(?=.{{0,160}}(?:\b{_RATES}\b|\b{_IGNORE}\b|\byou (?:are|must|will)\b|\bvoce (?:e|deve)\b"
            rf"|\b{_INSTRUCTIONS}\b|\bsatisf\w+|\bscore\b|\bnota\b))"
        ),
        (
            r"<\|?(?:im_start|im_end|system|endoftext|end)\|?>|\[/?(?:inst|sys(?:tem)?)\]|<</?sys>>|#{2,} ?(?:instruc"
            r"|system|new task|nova tarefa)|<(?:system|instructions?)>|</(?:system|transcript|conversation|messages?"
            r"|instructions?)>|\b(?:begin|end) (?:of )?(?:system|prompt|instructions)\b"
        ),
        (
            r"\b(?:you are now|you re now|from now on you|voce agora e|a partir de agora,? (?:voce|responda|avalie"
            r"|considere|toda)|(?<!can )(?<!could )(?<!will )(?<!also )(?<!does )act as (?:an?|the|if)|aja como"
            r"|finja (?:ser|que)|pretend (?:to be|that you|you)|roleplay as|role ?play|i want you to act"
            r"|developer mode|modo desenvolvedor|jailbreak\w*|do anything now|dan mode|eres ahora|tu es maintenant"
            r"|du bist jetzt|simulate (?:an?|the)|imagine (?:that )?you are|stay in character)\b"
        ),
        (
            r"[\"'{]?\b(?:satisfaction|satisfacao|sentiment|resolved|resolvido|goal_reached|effort|confidence"
            r"|bot_faults|faults|improvements)[\"']?\s?(?::|=|=>)\s?[\"']?(?:10|\d|yes|no|true|false|sim|nao|positive"
            r"|negative|positiv\w|\[\])\b|[\"']?\b(?:score|nota|rating|pontuacao)[\"']?\s?(?::|=|=>)\s?[\"']?(?:10"
            r"|dez|ten|100)\b(?!\s?(?:/|correct|certas))"
        ),
        (
            rf"\b(?:this|the|esta|essa|a presente|la|this whole|toda) {_TALK}\b.{{0,20}}\b(?:must|should|shall|has to"
            rf"|needs to|deve|precisa|tem que|debe)\b.{{0,30}}\b(?:be|ser|receive|receber|get|count|constar"
            rf"|ter)\b.{{0,40}}"
        ),
        (
            rf"\b(?:the|this|a|o) (?:only )?(?:correct|right|expected|only|final|proper|correta|certa|esperada|final"
            rf"|unica) (?:answer|score|rating|verdict|classification|evaluation|nota|resposta|avaliacao|classificacao"
            rf"|pontuacao)\b.{{0,40}}\b(?:is|e|sera|should be|deve ser|:)\W{{0,3}}.{{0,20}}{_VALUE}"
        ),
        (
            r"\b(?:reveal|print|show|repeat|output|tell|give|mostre|revele|repita|imprima"
            r"|exiba)\b.{0,30}\b(?:system prompt|your (?:prompt|instructions)|prompt (?:text|above)|prompt do sistema"
            r"|suas instrucoes|seu prompt|all (?:your )?prompts?|initial prompt|original prompt|hidden prompt)\b"
        ),
        (
            rf"\b(?:end of|fim d[aoe]) (?:the )?{_TALK}\b.{{0,60}}\b(?:{_RATES}|now|agora|verdict|veredito"
            rf"|{_INSTRUCTIONS})\b"
        ),
        (
            rf"{_STARTS}(?:marque|mark|flag|registre|considere|consider|treat|tag|label)\b.{{0,20}}\b(?:as |como "
            rf"|this |isto |isso |it |essa |esta )+.{{0,12}}\b(?:satisfied|satisfeit\w+|positiv\w+|successful"
            rf"|bem-sucedid\w+|success|sucesso|goal reached|meta atingida|10|perfect)\b"
        ),
        (
            r"\b(?:do not|don t|never|nao|nunca)\b.{0,16}\b(?:report|list|mention|count|record|flag|lower|reduce"
            r"|relate|mencione|liste|aponte|registre|conte|baixe|reduza|diminua)\b.{0,30}\b(?:faults?|falhas?|score"
            r"|nota|errors? of the bot|mistakes?|erros? do (?:bot|robo)|rating|satisfaction|satisfacao|improvements?"
            r"|melhorias)\b"
        ),
    )
)
RATING_ONLY = frozenset({5, 6, 7, 8, 9, 21})
"""The patterns that a person may use of their own opinion: not where the sentence speaks in the first person."""
WEAK = re.compile(
    rf"\b(?:{_RATES}|satisf\w+|score|nota|rating|resolvid\w+|resolved|10|dez|ten|instruc\w+|instruct\w+|json|obey"
    rf"|obedeca|follow|siga|verdict|analis\w+|analy\w+|confiden\w+|secret\w*|answer|instead|task|tarefa)\b"
)
LEADS = re.compile(
    rf"\b(?:{_READER}|{_ROLE}|attention|atencao|achtung|aviso|warning|important\w*|psst|dear|caro|cara|prezad\w+"
    rf"|system|sistema|im_start|now|agora|you are|you re|voce e"
    rf"|please|por favor|ps|p s|obs)\b|\b(?:whoever|quem|anyone)\b.{{0,12}}\b(?:rat|grad|scor|analy|review|judg"
    rf"|ler|le|avali|analis)\w*|^[^\w]*$"
)
"""How an order may begin before its own words."""
SQUEEZED = re.compile(
    r"(?:ignor[ea]|disregard|forget|esqueca|desconsidere)\w{0,20}(?:instruc|instruct|prompt|rules|regras)|(?:rate"
    r"|score|avalie|classifique|pontue|de|give|mark|marque)(?:this|it|esta|essa|isso|isto|the|a|as|como"
    r"|conversation|conversa|chat|atendimento|nota|com|with|satisfaction|satisfacao|score){0,6}(?:10|ten|dez|0"
    r"|zero|resolved|resolvid|maxim|satisf)|satisfaction(?:is|to|=|:)?10|satisfacao(?:e|=|:)?10|systemprompt"
    r"|youarenow|denota10"
)


_OPENINGS = """
    igno disr forg over bypa skip disc esqu desc deso aban siga obed foll olvi oubl verg dime prom inst anwe
    anga vorg rate rati scor grad clas aval pont eval cali bewe valu note nota anal judg julg juiz anno audi
    revi mode llm llms gpt clau gemi arti inte ia chat conv dial tran gesp sess exch aten thre syst sist deve
    desn admi assi im_s sys over root now jetz agor from act aja finj pret role jail dan eres ahor main simu
    imag stay new furt next nova neue nuev task tare aufg chal herau answ resp whoe whom anyo quem aque reve
    repe most prin tell outp exib fim end begi sati sent reso goal effo faul falh summ impr haha mark marq flag
    regi cons trea tag labe leav remo dele eras drop give dai donn gib awar deem conc warn atte aten avis psst
    hint memo dear caro acht corr righ expe final verd vere rubr bot_ prog note puntu assig asig set atri
"""
OPENINGS = frozenset(_OPENINGS.split())
"""How the words begin of which at least one stands in every text that the patterns find: most messages have none."""
