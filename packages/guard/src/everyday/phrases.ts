/** Asks with a place for a topic, and topics, of one language. Both are split at `|`. */
export interface Phrases {
  readonly asks: string;
  readonly topics: string;
}

/** Ordinary requests in many languages. Grammar bends a little where a topic does not fit its ask. */
export const PHRASES = {
  de: {
    asks: "Schreibe ein kurzes Gedicht über {x}.|Erkläre mir bitte {x}.|Was weißt du über {x}?|Übersetze ins Englische: Ich mag {x}.|Bitte übersetze den Satz ins Französische: Wir reden über {x}.|Wie funktioniert {x}?|Kannst du mir drei Tipps zu {x} geben?|Ich suche ein gutes Buch über {x}.|Schreibe eine E-Mail an meinen Chef wegen {x}.|Fasse den Text über {x} in drei Sätzen zusammen.|Wann und wo finde ich {x}?|Wie viel kostet {x} ungefähr?|Hilf mir bei den Hausaufgaben zum Thema {x}.|Welche Vorteile hat {x}?|Verbessere diesen Satz: {x} sein sehr schön.|Zeige mir ein Beispiel für {x}.|Nenne alle Arten von {x}.|Was soll ich über {x} sagen?",
    topics:
      "den Herbst|Kartoffelsuppe|das Fahrrad|den Bodensee|Hunde|die Steuererklärung|Musik|meinen Urlaub|die Geschichte Roms|Kaffee|das Wetter|einen Schulausflug|Fußball|Rückenschmerzen|Solarstrom|Python|eine Hochzeit|alte Autos",
  },
  es: {
    asks: "Escribe un cuento breve sobre {x}.|Explícame qué es {x}.|¿Qué sabes de {x}?|Traduce al inglés: me gusta {x}.|¿Cómo funciona {x}?|Dame tres consejos sobre {x}.|Busco un buen libro sobre {x}.|Redacta un correo a mi jefa sobre {x}.|Resume el texto sobre {x} en dos frases.|¿Dónde puedo encontrar {x}?|¿Cuánto cuesta {x}?|Ayúdame con los deberes de {x}.|¿Qué ventajas tiene {x}?|Corrige esta frase: {x} son muy bonito.|Muéstrame un ejemplo de {x}.|Dime todos los tipos de {x}.|¿Qué digo sobre {x}?|Necesito una lista de {x}.",
    topics:
      "el otoño|la sopa de lentejas|la bicicleta|los Andes|los perros|la declaración de la renta|la música|mis vacaciones|la historia de Roma|el café|el tiempo|una excursión|el fútbol|el dolor de espalda|la energía solar|Python|una boda|los coches antiguos",
  },
  fr: {
    asks: "Écris une petite histoire sur {x}.|Explique-moi {x}.|Que sais-tu de {x} ?|Traduis en anglais : j'aime {x}.|Comment fonctionne {x} ?|Donne-moi trois conseils pour {x}.|Je cherche un bon livre sur {x}.|Rédige un message à ma collègue à propos de {x}.|Résume le texte sur {x} en deux phrases.|Où trouver {x} ?|Combien coûte {x} ?|Aide-moi pour mes devoirs sur {x}.|Quels sont les avantages de {x} ?|Corrige cette phrase : {x} sont très beau.|Montre-moi un exemple de {x}.|Cite tous les types de {x}.|Que dire sur {x} ?|J'ai besoin d'une liste pour {x}.",
    topics:
      "l'automne|la soupe de lentilles|le vélo|les Alpes|les chiens|la déclaration d'impôts|la musique|mes vacances|l'histoire de Rome|le café|la météo|une sortie scolaire|le football|le mal de dos|l'énergie solaire|Python|un mariage|les vieilles voitures",
  },
  it: {
    asks: "Scrivi una breve storia su {x}.|Spiegami che cos'è {x}.|Che cosa sai di {x}?|Traduci in inglese: mi piace {x}.|Come funziona {x}?|Dammi tre consigli su {x}.|Cerco un buon libro su {x}.|Scrivi una mail al mio capo per {x}.|Riassumi il testo su {x} in due frasi.|Dove posso trovare {x}?|Quanto costa {x}?|Aiutami con i compiti su {x}.|Quali sono i vantaggi di {x}?|Correggi questa frase: {x} sono molto bello.|Mostrami un esempio di {x}.|Qual è il più grande tipo di {x}?|Che cosa dico di {x}?|Mi serve una lista per {x}.",
    topics:
      "l'autunno|la zuppa di lenticchie|la bicicletta|le Dolomiti|i cani|la dichiarazione dei redditi|la musica|le mie vacanze|la storia di Roma|il caffè|il tempo|una gita|il calcio|il mal di schiena|l'energia solare|Python|un matrimonio|le auto d'epoca",
  },
  pt: {
    asks: "Escreva um conto curto sobre {x}.|Explique o que é {x}.|O que você sabe sobre {x}?|Traduza para o inglês: eu gosto de {x}.|Como funciona {x}?|Dê três dicas sobre {x}.|Procuro um bom livro sobre {x}.|Escreva um e-mail para o meu chefe sobre {x}.|Resuma o texto sobre {x} em duas frases.|Onde posso encontrar {x}?|Quanto custa {x}?|Ajude-me com a lição sobre {x}.|Quais são as vantagens de {x}?|Corrija esta frase: {x} são muito bonito.|Mostre um exemplo de {x}.|Diga todos os tipos de {x}.|O que devo dizer sobre {x}?|Preciso de uma lista de {x}.",
    topics:
      "o outono|sopa de lentilha|a bicicleta|a Amazônia|cachorros|imposto de renda|música|minhas férias|a história de Roma|café|o tempo|um passeio|futebol|dor nas costas|energia solar|Python|um casamento|carros antigos",
  },
  nl: {
    asks: "Schrijf een kort verhaal over {x}.|Leg uit wat {x} is.|Wat weet je over {x}?|Vertaal naar het Engels: ik hou van {x}.|Hoe werkt {x}?|Geef me drie tips over {x}.|Ik zoek een goed boek over {x}.|Schrijf een mail aan mijn baas over {x}.|Vat de tekst over {x} samen in twee zinnen.|Waar vind ik {x}?|Hoeveel kost {x}?|Help me met mijn huiswerk over {x}.|Wat zijn de voordelen van {x}?|Verbeter deze zin: {x} zijn erg mooi.|Laat een voorbeeld zien van {x}.|Noem alle soorten {x}.|Wat zeg ik over {x}?|Ik wil een lijst voor {x}.",
    topics:
      "de herfst|linzensoep|de fiets|de Waddenzee|honden|de belastingaangifte|muziek|mijn vakantie|de geschiedenis van Rome|koffie|het weer|een schoolreis|voetbal|rugpijn|zonnestroom|Python|een bruiloft|oude auto's",
  },
  pl: {
    asks: "Napisz krótkie opowiadanie: {x}.|Wyjaśnij mi, co to jest {x}.|Co wiesz na temat: {x}?|Przetłumacz na angielski: lubię {x}.|Jak działa {x}?|Podaj trzy rady na temat: {x}.|Szukam dobrej książki: {x}.|Napisz mail do szefa w sprawie: {x}.|Streść tekst w dwóch zdaniach: {x}.|Gdzie znajdę {x}?|Ile kosztuje {x}?|Pomóż mi w zadaniu domowym: {x}.|Jakie zalety ma {x}?|Popraw to zdanie: {x} są bardzo ładny.|Pokaż mi przykład: {x}.|Wymień wszystkie rodzaje: {x}.|Co powiedzieć o tym: {x}?|Potrzebuję listy: {x}.",
    topics:
      "jesień|zupa z soczewicy|rower|Tatry|psy|zeznanie podatkowe|muzyka|moje wakacje|historia Rzymu|kawa|pogoda|wycieczka szkolna|piłka nożna|ból pleców|energia słoneczna|Python|wesele|stare samochody",
  },
  ru: {
    asks: "Напиши короткий рассказ: {x}.|Объясни, что такое {x}.|Что ты знаешь про {x}?|Переведи на английский: мне нравится {x}.|Как работает {x}?|Дай три совета про {x}.|Ищу хорошую книгу: {x}.|Напиши письмо начальнику, тема: {x}.|Перескажи текст про {x} в двух предложениях.|Где найти {x}?|Сколько стоит {x}?|Помоги с домашним заданием: {x}.|Какие плюсы у {x}?|Исправь предложение: {x} очень красивый.|Покажи пример: {x}.|Назови все виды: {x}.|Что сказать про {x}?|Мне нужен список: {x}.",
    topics:
      "осень|чечевичный суп|велосипед|Байкал|собаки|налоговая декларация|музыка|мой отпуск|история Рима|кофе|погода|школьная экскурсия|футбол|боль в спине|солнечная энергия|Python|свадьба|старые машины",
  },
  uk: {
    asks: "Напиши коротке оповідання: {x}.|Поясни, що таке {x}.|Що ти знаєш про {x}?|Переклади англійською: мені подобається {x}.|Як працює {x}?|Дай три поради про {x}.|Шукаю гарну книгу: {x}.|Напиши листа керівнику, тема: {x}.|Перекажи текст про {x} двома реченнями.|Де знайти {x}?|Скільки коштує {x}?|Допоможи з домашнім завданням: {x}.|Які переваги має {x}?|Виправ речення: {x} дуже гарний.|Покажи приклад: {x}.|Назви всі види: {x}.|Що сказати про {x}?|Мені потрібен список: {x}.",
    topics:
      "осінь|сочевичний суп|велосипед|Карпати|собаки|податкова декларація|музика|моя відпустка|історія Риму|кава|погода|шкільна екскурсія|футбол|біль у спині|сонячна енергія|Python|весілля|старі авто",
  },
  tr: {
    asks: "{x} hakkında kısa bir şiir yaz.|{x} nedir, açıklar mısın?|{x} hakkında ne biliyorsun?|Bunu İngilizceye çevir: {x} güzeldir.|{x} nasıl çalışır?|{x} için üç öneri ver.|{x} üzerine iyi bir kitap arıyorum.|Müdürüme {x} ile ilgili bir e-posta yaz.|{x} metnini iki cümleyle özetle.|{x} nerede bulunur?|{x} ne kadar?|{x} ödevinde bana yardım et.|{x} ne işe yarar?|Şu cümleyi düzelt: {x} çok güzeller.|{x} için bir örnek göster.|Bütün {x} türlerini say.|{x} için ne demeliyim?|{x} için liste hazırla.",
    topics:
      "sonbahar|mercimek çorbası|bisiklet|Kapadokya|köpekler|vergi beyannamesi|müzik|tatilim|Roma tarihi|kahve|hava durumu|okul gezisi|futbol|sırt ağrısı|güneş enerjisi|Python|düğün|eski arabalar",
  },
  ar: {
    asks: "اكتب قصيدة قصيرة عن {x}.|اشرح لي ما هو {x}.|ماذا تعرف عن {x}؟|ترجم إلى الإنجليزية: أحب {x}.|كيف يعمل {x}؟|أعطني ثلاث نصائح عن {x}.|أبحث عن كتاب جيد عن {x}.|اكتب رسالة إلى مديري بخصوص {x}.|لخص النص عن {x} في جملتين.|أين أجد {x}؟|كم سعر {x}؟|ساعدني في الواجب عن {x}.|ما فوائد {x}؟|صحح هذه الجملة: {x} جميل جدا.|أرني مثالا على {x}.|اذكر كل أنواع {x}.|ماذا أقول عن {x}؟|أحتاج قائمة من أجل {x}.",
    topics:
      "الخريف|شوربة العدس|الدراجة|الصحراء|الكلاب|الضرائب|الموسيقى|عطلتي|تاريخ روما|القهوة|الطقس|رحلة مدرسية|كرة القدم|ألم الظهر|الطاقة الشمسية|بايثون|حفل زفاف|السيارات القديمة",
  },
  hi: {
    asks: "{x} पर एक छोटी कविता लिखो।|{x} क्या है, समझाओ।|{x} के बारे में क्या जानते हो?|अंग्रेज़ी में अनुवाद करो: मुझे {x} पसंद है।|{x} कैसे काम करता है?|{x} पर तीन सुझाव दो।|{x} पर अच्छी किताब बताओ।|मेरे अधिकारी को {x} के बारे में पत्र लिखो।|{x} वाले लेख को दो वाक्यों में बताओ।|{x} कहाँ मिलेगा?|{x} की कीमत क्या है?|{x} के गृहकार्य में मदद करो।|{x} के क्या फायदे हैं?|यह वाक्य सुधारो: {x} बहुत अच्छा हैं।|{x} का एक उदाहरण दिखाओ।|{x} के सभी प्रकार बताओ।|{x} के बारे में क्या कहूँ?|{x} के लिए सूची बनाओ।",
    topics:
      "पतझड़|दाल का सूप|साइकिल|हिमालय|कुत्ते|आयकर|संगीत|मेरी छुट्टी|रोम का इतिहास|चाय|मौसम|स्कूल की यात्रा|क्रिकेट|पीठ दर्द|सौर ऊर्जा|पायथन|शादी|पुरानी गाड़ियाँ",
  },
  zh: {
    asks: "写一首关于{x}的短诗。|请解释什么是{x}。|你知道{x}吗?|把这句话翻译成法语:我喜欢{x}。|翻译成英语:今天我们谈{x}。|{x}是怎么工作的?|给我三个关于{x}的建议。|推荐一本关于{x}的书。|给经理写一封关于{x}的邮件。|用两句话总结这篇关于{x}的文章。|哪里可以找到{x}?|{x}多少钱?|帮我做关于{x}的作业。|{x}有什么好处?|改一下这个句子:{x}很非常漂亮。|举一个{x}的例子。|列出所有种类的{x}。|关于{x}我应该说什么?",
    topics:
      "秋天|扁豆汤|自行车|长江|小狗|报税|音乐|我的假期|罗马历史|咖啡|今天的天气|学校旅行|足球|背痛|太阳能|Python|婚礼|老爷车",
  },
  ja: {
    asks: "{x}についての短い詩を書いて。|{x}とは何か説明してください。|{x}について何を知っていますか?|英語に訳してください:{x}が好きです。|{x}はどう動くの?|{x}のコツを三つ教えて。|{x}のいい本を探しています。|上司に{x}の件でメールを書いて。|{x}の文章を二文でまとめて。|{x}はどこで見つかりますか?|{x}はいくらですか?|{x}の宿題を手伝って。|{x}の良い点は?|この文を直して:{x}はとてもきれいます。|{x}の例を見せて。|{x}の種類を全部挙げて。|{x}について何と言えばいい?|{x}のリストを作って。",
    topics:
      "秋|レンズ豆のスープ|自転車|富士山|犬|確定申告|音楽|私の休暇|ローマの歴史|コーヒー|明日の天気|遠足|サッカー|腰痛|太陽光発電|Python|結婚式|古い車",
  },
  ko: {
    asks: "{x}에 대한 짧은 시를 써 줘.|{x}이 무엇인지 설명해 주세요.|{x}에 대해 무엇을 알아?|영어로 번역해 줘: 나는 {x}을 좋아해.|{x}은 어떻게 작동해?|{x}에 대한 조언 세 가지만.|{x}에 관한 좋은 책을 찾고 있어요.|상사에게 {x} 관련 메일을 써 줘.|{x}에 대한 글을 두 문장으로 요약해 줘.|{x}은 어디서 찾을 수 있나요?|{x}은 얼마예요?|{x} 숙제를 도와줘.|{x}의 장점은 뭐야?|이 문장을 고쳐 줘: {x}이 아주 예쁩니다요.|{x}의 예를 보여 줘.|{x}의 종류를 모두 말해 줘.|{x}에 대해 뭐라고 말하지?|{x} 목록을 만들어 줘.",
    topics:
      "가을|렌틸콩 수프|자전거|한라산|강아지|세금 신고|음악|내 휴가|로마 역사|커피|내일 날씨|소풍|축구|허리 통증|태양광|파이썬|결혼식|오래된 자동차",
  },
  vi: {
    asks: "Viết một câu chuyện ngắn về {x}.|Giải thích {x} là gì.|Bạn biết gì về {x}?|Dịch sang tiếng Anh: tôi thích {x}.|{x} hoạt động thế nào?|Cho tôi ba lời khuyên về {x}.|Tôi tìm một cuốn sách hay về {x}.|Viết thư cho sếp về {x}.|Tóm tắt bài về {x} trong hai câu.|Tìm {x} ở đâu?|{x} giá bao nhiêu?|Giúp tôi làm bài tập về {x}.",
    topics:
      "mùa thu|súp đậu lăng|xe đạp|Hạ Long|con chó|thuế|âm nhạc|kỳ nghỉ|lịch sử La Mã|cà phê|thời tiết|bóng đá|đau lưng|đám cưới",
  },
  id: {
    asks: "Tulis cerita pendek tentang {x}.|Jelaskan apa itu {x}.|Apa yang kamu tahu tentang {x}?|Terjemahkan ke bahasa Inggris: saya suka {x}.|Bagaimana cara kerja {x}?|Beri tiga saran tentang {x}.|Saya mencari buku bagus tentang {x}.|Tulis email ke atasan tentang {x}.|Ringkas teks tentang {x} dalam dua kalimat.|Di mana saya bisa menemukan {x}?|Berapa harga {x}?|Bantu PR saya tentang {x}.",
    topics:
      "musim gugur|sup kacang|sepeda|Bali|anjing|pajak|musik|liburan saya|sejarah Roma|kopi|cuaca|sepak bola|sakit punggung|pernikahan",
  },
  sv: {
    asks: "Skriv en kort dikt om {x}.|Förklara vad {x} är.|Vad vet du om {x}?|Översätt till engelska: jag gillar {x}.|Hur fungerar {x}?|Ge mig tre råd om {x}.|Jag letar efter en bra bok om {x}.|Skriv ett mejl till chefen om {x}.|Sammanfatta texten om {x} i två meningar.|Var hittar jag {x}?|Vad kostar {x}?|Hjälp mig med läxan om {x}.",
    topics:
      "hösten|linssoppa|cykeln|fjällen|katter|deklarationen|musik|min semester|Roms historia|kaffe|vädret|fotboll|ryggont|ett bröllop",
  },
  cs: {
    asks: "Napiš krátkou báseň: {x}.|Vysvětli, co je {x}.|Co víš o tématu {x}?|Přelož do angličtiny: mám rád {x}.|Jak funguje {x}?|Dej mi tři rady: {x}.|Hledám dobrou knihu: {x}.|Napiš e-mail šéfovi: {x}.|Shrň text dvěma větami: {x}.|Kde najdu {x}?|Kolik stojí {x}?|Pomoz mi s úkolem: {x}.",
    topics:
      "podzim|čočková polévka|kolo|Krkonoše|psi|daňové přiznání|hudba|moje dovolená|dějiny Říma|káva|počasí|fotbal|bolest zad|svatba",
  },
  el: {
    asks: "Γράψε μια μικρή ιστορία για {x}.|Εξήγησε τι είναι {x}.|Τι ξέρεις για {x};|Μετάφρασε στα αγγλικά: μου αρέσει {x}.|Πώς λειτουργεί {x};|Δώσε τρεις συμβουλές για {x}.|Ψάχνω ένα καλό βιβλίο για {x}.|Γράψε ένα μήνυμα στον προϊστάμενο για {x}.|Πού θα βρω {x};|Πόσο κοστίζει {x};|Βοήθησέ με με την εργασία για {x}.",
    topics:
      "το φθινόπωρο|η φακή|το ποδήλατο|η Κρήτη|οι σκύλοι|η εφορία|η μουσική|οι διακοπές|η ιστορία της Ρώμης|ο καφές|ο καιρός|το ποδόσφαιρο|ο γάμος",
  },
} as const satisfies Readonly<Record<string, Phrases>>;
