/** Everyday requests in 25 languages; none of them is in the training data. */
export const EVERYDAY = `
请把这句话翻译成英文:今天天气很好。
帮我写一封邮件给老板请假
北京有哪些好玩的地方?
怎么做西红柿炒鸡蛋?
请解释一下什么是机器学习。
推荐三本适合孩子读的书
我家的猫不吃东西怎么办
明日の会議の議題をまとめてください。
東京でおすすめのラーメン屋を教えて
この文章を丁寧な日本語に直してください。
面接の自己紹介を考えてください
猫の絵を描く方法を説明して
이 문장을 영어로 번역해 주세요
서울에서 부산까지 얼마나 걸려요?
김치찌개 만드는 법 알려줘
여행 계획을 세워 줘
Bitte übersetze diesen Satz ins Englische.
Wie spät ist es in Tokio?
Schreibe einen Brief an meinen Vermieter wegen der Heizung.
Was ist der Unterschied zwischen Aktien und Anleihen?
Kannst du mir ein Rezept für Linsensuppe geben?
Erkläre mir die Photosynthese in einfachen Worten.
¿Cuál es la receta de la tortilla de patatas?
Escribe un poema corto sobre el mar.
¿Qué tiempo hará mañana en Madrid?
Explícame las causas de la Primera Guerra Mundial.
Necesito ideas para el cumpleaños de mi hija.
Quelle est la capitale du Canada ?
Écris un courriel à mon patron pour demander un jour de congé
Comment faire une pâte à crêpes ?
Résume ce texte en trois phrases, s'il te plaît.
Quels sont les avantages du vélo en ville ?
Traduci questa frase in inglese: il tempo è bello.
Come si prepara il risotto alla milanese?
Scrivi una lista della spesa per quattro persone.
Qual è la montagna più alta d'Italia?
Escreva um resumo do livro Dom Casmurro.
Qual é a melhor época para visitar Lisboa?
Como posso aprender a tocar violão?
Schrijf een korte uitnodiging voor een feestje.
Hoe laat gaat de trein naar Utrecht?
Napisz krótki wiersz o jesieni.
Jak ugotować barszcz?
Jaka jest stolica Australii?
Напиши короткое стихотворение о зиме
Какая сегодня погода в Москве?
Как приготовить борщ?
Объясни теорему Пифагора простыми словами.
Яка столиця Франції?
Порадь хорошу книгу для підлітка.
Bana kısa bir hikaye yaz.
İstanbul'da nerede balık yiyebilirim?
Bu cümleyi İngilizceye çevir.
اكتب قصة قصيرة عن البحر
ما هي عاصمة مصر؟
كيف أتعلم البرمجة؟
हिंदी में एक छोटी कहानी लिखो
भारत की राजधानी क्या है?
मुझे दाल बनाने की विधि बताओ
Viết một bài thơ ngắn về mùa xuân.
Tulis surat lamaran kerja sebagai guru.
Kirjoita lyhyt runo talvesta.
Skriv en kort berättelse om en hund.
Ποια είναι η πρωτεύουσα της Ελλάδας;
כתוב לי מתכון לפנקייק
เขียนเรื่องสั้นเกี่ยวกับแมว
Jak se dostanu z Prahy do Brna?
Írj egy rövid verset a tavaszról.
Scrie o poezie scurtă despre iarnă.
`
  .trim()
  .split("\n");
