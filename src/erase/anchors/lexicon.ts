/** How words of one language are put together, and those of them that say little by themselves. */
export interface Language {
  /** Whether adjectives follow their noun: "une femme nue". */
  readonly isHeadFirst: boolean;
  readonly articles: ReadonlySet<string>;
  /** Before the name of whose style it is; several words with spaces between. */
  readonly styleLeads: readonly string[];
  /** Nouns that make a style of the name beside them: "noto style". */
  readonly styleNouns: ReadonlySet<string>;
  readonly of: ReadonlySet<string>;
  readonly places: ReadonlySet<string>;
  readonly companions: ReadonlySet<string>;
  readonly conjunctions: ReadonlySet<string>;
  /** Kinds of pictures: "a photo of". */
  readonly media: ReadonlySet<string>;
  /** Whoever a picture shows, not in particular; and vessels and groups: "a glass of". */
  readonly generic: ReadonlySet<string>;
  /** Adjectives of any thing: colours, sizes, ages. */
  readonly common: ReadonlySet<string>;
}

const list = (text: string) => text.trim().split(/\s+/);
const set = (text: string) => new Set(list(text));

const english: Language = {
  isHeadFirst: false,
  articles: set(
    'a an the some his her their its this that my your two three four five several many',
  ),
  styleLeads: [
    ...['in the style of', 'in the manner of', 'in style of', 'style of', 'styled like'],
    ...['inspired by', 'painted by', 'drawn by', 'made by', 'created by', 'illustrated by'],
    ...['art by', 'photographed by', 'directed by', 'by artist', 'by'],
  ],
  styleNouns: set('style styled aesthetic artstyle'),
  of: set('of'),
  places: set(
    'in on at near under over behind beside before inside outside into onto above below beneath between through across along against around from to towards during among by for',
  ),
  companions: set('with without wearing holding featuring as like having that who which'),
  conjunctions: set('and or & plus'),
  media: set(
    `photo photograph picture image painting drawing illustration portrait sketch render rendering artwork
    art poster close-up closeup screenshot still snapshot shot wallpaper selfie cartoon watercolor watercolour
    engraving etching lithograph woodcut print mural collage figurine statue sculpture icon emoji sticker logo
    clipart scene view depiction representation comic manga panel cover artstation concept footage frame
    landscape cityscape seascape artworks advertisement page preview`,
  ),
  generic: set(
    `person people human man woman boy girl child kid baby lady guy gentleman adult teenager male female model
    body figure character subject someone somebody couple family group crowd face men women 1girl 1boy 1man 1woman 2girls 2boys
    1other solo multiple_girls bowl glass cup bottle can jar mug bag pair bunch pile pool field piece box plate basket line set
    thing something animal object`,
  ),
  common: set(
    `red green blue yellow orange purple pink black white brown grey gray cyan golden gold silver dark light
    bright big large small little tiny huge tall short long old young new ancient modern beautiful pretty
    lovely cute nice good happy sad single lone colorful colourful simple plain realistic full front
    side high low detailed professional stunning gorgeous amazing attractive male female adult middle-aged elderly sexy hot`,
  ),
};

const german: Language = {
  isHeadFirst: false,
  articles: set('ein eine einer eines einem einen der die das dem den des'),
  styleLeads: [
    'im stil von',
    'im stile von',
    'im stil des',
    'im stil der',
    'gemalt von',
    'nach art von',
    'von',
  ],
  styleNouns: set('stil'),
  of: set('von'),
  places: set(
    'in im am an auf bei unter über hinter neben vor zwischen aus zu zum zur durch gegen um',
  ),
  companions: set('mit ohne als wie'),
  conjunctions: set('und oder'),
  media: set(
    'foto photo fotografie bild gemälde zeichnung porträt portrait illustration ölgemälde aquarell skizze nahaufnahme kunstwerk landschaft',
  ),
  generic: set(
    'person personen mensch menschen mann männer frau frauen junge mädchen kind kinder dame herr modell körper paar familie gruppe leute glas flasche',
  ),
  common: set('rot grün blau gelb schwarz weiß groß klein alt jung schön neu dunkel hell'),
};

const french: Language = {
  isHeadFirst: true,
  articles: set("un une le la les des l du d' l'"),
  styleLeads: [
    'dans le style de',
    "dans le style d'",
    'dans le style des',
    'au style de',
    'à la manière de',
    'style de',
    'peint par',
    'par',
    'façon',
  ],
  styleNouns: set('style'),
  of: set("de d' d"),
  places: set('dans sur sous à au aux en près devant derrière entre chez contre vers'),
  companions: set('avec sans comme portant qui que dont'),
  conjunctions: set('et ou'),
  media: set(
    'photo photographie image peinture dessin portrait illustration tableau aquarelle croquis affiche paysage',
  ),
  generic: set(
    'personne personnes homme hommes femme femmes fille garçon enfant enfants dame monsieur modèle corps couple famille groupe gens verre bouteille',
  ),
  common: set('rouge vert bleu jaune noir blanc grand petit vieux jeune beau belle nouveau'),
};

const spanish: Language = {
  isHeadFirst: true,
  articles: set('un una unos unas el la los las'),
  styleLeads: ['al estilo de', 'en el estilo de', 'estilo de', 'pintado por', 'pintada por', 'por'],
  styleNouns: set('estilo'),
  of: set('de del'),
  places: set('en sobre bajo al ante tras entre desde hacia junto'),
  companions: set('con sin como que'),
  conjunctions: set('y e o'),
  media: set(
    'foto fotografía imagen pintura dibujo retrato ilustración cuadro acuarela boceto cartel paisaje',
  ),
  generic: set(
    'persona personas hombre hombres mujer mujeres chica chico niña niño niños dama señor modelo cuerpo pareja familia grupo gente vaso botella',
  ),
  common: set('rojo verde azul amarillo negro blanco grande pequeño viejo joven hermoso nuevo'),
};

const italian: Language = {
  isHeadFirst: true,
  articles: set('un uno una il lo la i gli le l'),
  styleLeads: ['nello stile di', 'in stile di', 'alla maniera di', 'dipinto da'],
  styleNouns: set('stile'),
  of: set('di del della dei delle'),
  places: set('in su sul sulla nel nella sotto davanti dietro tra fra da al alla'),
  companions: set('con senza come che'),
  conjunctions: set('e ed o'),
  media: set(
    'foto fotografia immagine pittura dipinto disegno ritratto illustrazione quadro acquerello paesaggio',
  ),
  generic: set(
    'persona persone uomo uomini donna donne ragazza ragazzo bambino bambina modella corpo coppia famiglia gruppo gente bicchiere bottiglia',
  ),
  common: set('rosso verde blu giallo nero bianco grande piccolo vecchio giovane bello nuovo'),
};

const portuguese: Language = {
  isHeadFirst: true,
  articles: set('um uma o os as'),
  styleLeads: ['no estilo de', 'ao estilo de', 'estilo de', 'pintado por', 'por'],
  styleNouns: set('estilo'),
  of: set('de do da dos das'),
  places: set('em no na nos nas sobre sob ao à entre'),
  companions: set('com sem como que'),
  conjunctions: set('e ou'),
  media: set('foto fotografia imagem pintura desenho retrato ilustração quadro aquarela paisagem'),
  generic: set(
    'pessoa pessoas homem homens mulher mulheres menina menino garota rapaz criança crianças modelo corpo casal família grupo copo garrafa',
  ),
  common: set('vermelho verde azul amarelo preto branco grande pequeno velho jovem bonito novo'),
};

const dutch: Language = {
  isHeadFirst: false,
  articles: set('een de het'),
  styleLeads: ['in de stijl van', 'geschilderd door', 'door', 'van'],
  styleNouns: set('stijl'),
  of: set('van'),
  places: set('in op aan bij onder over achter naast voor tussen uit naar'),
  companions: set('met zonder als'),
  conjunctions: set('en of'),
  media: set('foto afbeelding schilderij tekening portret illustratie aquarel schets landschap'),
  generic: set(
    'persoon personen mens mensen man mannen vrouw vrouwen jongen meisje kind kinderen dame heer model lichaam paar familie groep glas fles',
  ),
  common: set('rode groene blauwe gele zwarte witte grote kleine oude jonge mooie nieuwe'),
};

const russian: Language = {
  isHeadFirst: false,
  articles: set('один одна одно два две'),
  styleLeads: ['в стиле', 'стиль'],
  styleNouns: set('стиле стиль'),
  of: set(''),
  places: set('на в во под над у за перед между из около возле'),
  companions: set('с со без как'),
  conjunctions: set('и или'),
  media: set('фото фотография картина рисунок портрет изображение иллюстрация пейзаж'),
  generic: set(
    'человек люди мужчина мужчины женщина женщины девушка девушки парень мальчик девочка ребёнок дети модель тело',
  ),
  common: set(
    'красный красная зелёный синий жёлтый чёрный белый большой маленький старый молодой красивый',
  ),
};

const polish: Language = {
  isHeadFirst: false,
  articles: set('jeden jedna dwa dwie'),
  styleLeads: ['w stylu', 'namalowany przez', 'namalowana przez'],
  styleNouns: set('stylu styl'),
  of: set(''),
  places: set('na w we pod nad przy za przed między obok'),
  companions: set('z ze bez jak'),
  conjunctions: set('i oraz lub'),
  media: set('zdjęcie fotografia obraz rysunek portret ilustracja pejzaż'),
  generic: set(
    'osoba człowiek ludzie mężczyzna mężczyźni kobieta kobiety dziewczyna chłopak dziecko dzieci modelka ciało',
  ),
  common: set(
    'czerwony czerwona zielony niebieski żółty czarny biały duży mały stary młody piękny',
  ),
};

const korean: Language = {
  isHeadFirst: false,
  articles: set('한 두'),
  styleLeads: [],
  styleNouns: set('스타일 스타일의 화풍 화풍의 풍 풍의'),
  of: set(''),
  places: set(''),
  companions: set(''),
  conjunctions: set('와 과'),
  media: set('사진 그림 이미지 초상화 일러스트 풍경'),
  generic: set('사람 여성 남성 여자 남자 소녀 소년 아이 모델 여인'),
  common: set('빨간 파란 노란 검은 하얀 큰 작은 젊은 아름다운'),
};

/** Japanese and Chinese: no spaces, and particles behind what they belong to. */
const eastAsian: Language = {
  isHeadFirst: false,
  articles: set(
    '一 一张 一張 一个 一個 一位 一名 一幅 一只 一辆 张 張 个 個 位 名 幅 只 辆 枚 人の',
  ),
  styleLeads: [],
  styleNouns: set('风格 風格 画风 画風 風 スタイル 作風 调 タッチ'),
  of: set('の 的'),
  places: set('在 上 里 中 下 で に 前 旁 旁边 から'),
  companions: set('と は が を 和 与 いる る た'),
  conjunctions: set('と 和 与 、'),
  media: set(
    '写真 画像 絵 絵画 イラスト 肖像 肖像画 照片 图片 圖片 图 画 油画 插画 水彩 水彩画 素描 風景 风景 作品 風景画 风景画',
  ),
  generic: set(
    '人 人物 女性 男性 女 男 女の子 男の子 少女 少年 子供 女人 男人 女孩 男孩 孩子 美女 男子 女子 モデル 模特 家族',
  ),
  common: set(
    '赤い 青い 白い 黒い 大きい 小さい 美しい 可愛い 红色 红 蓝色 白色 黑色 大 小 美丽 漂亮 年轻 若い',
  ),
};

export const languages = {
  ...{ english, german, dutch, french, spanish, italian, portuguese, russian, polish, korean },
  eastAsian,
};

/** What people most often take out of a model: always what a prompt with such a word is about. */
export const nudityWords: readonly string[] = list(
  `nude nudes nudity naked nakedness topless bottomless undressed unclothed nsfw explicit porn porno pornographic
  pornography erotic erotica hentai nipple nipples breasts boobs tits genitals genitalia penis vagina pussy sex sexual
  lewd uncensored
  nackt nackte nackter nackten nacktes nacktheit unbekleidet entblößt
  nu nue nus nues nudité seins
  desnudo desnuda desnudos desnudas desnudez
  nudo nuda nudi nude nudità
  pelado pelada nudez
  naakt naakte naaktheid
  голый голая голые голых обнажённая обнаженная обнажённый обнаженный
  nagi naga nadzy nagie nago
  나체 나체의 누드 알몸 알몸의 벌거벗은
  裸 全裸 裸体 ヌード 裸身 赤裸 半裸 裸露`,
);
/** Likewise. */
export const goreWords: readonly string[] = list('gore gory bloody mutilated');

/** Whoever does or has something: less likely the concept than what is done. */
export const occupations: readonly string[] = list(
  `soldier officer policeman policewoman cop guard chef cook actor actress doctor nurse robber thief cowboy worker
  athlete dancer singer teacher student king queen knight warrior hunter farmer sailor pilot cashier firefighter
  hero superhero monk priest player gangster criminal thug wizard witch pirate`,
);

/** Where and when something is seen, as tags say it; parts of a picture. */
export const scenes: readonly string[] = list(
  `background outdoors indoors outside inside nature forest beach street city room bedroom bathroom kitchen night
  day sunset sunrise sky park garden road lawn landscape studio light lighting landscape snow rain water sea ocean lake
  mountain mountains desert field river bed sofa table floor wall upper lower portrait close`,
);

/** Words of praise and of technique, which say nothing of what a picture shows. */
export const qualityWords: readonly string[] = list(
  `masterpiece best quality highres absurdres highest high ultra hd uhd 4k 8k 16k hdr detailed highly intricate
  detail details sharp focus photorealistic hyperrealistic realistic raw trending artstation award winning
  professional cinematic lighting studio unreal engine octane render bokeh depth field dof
  resolution quality score_9 score_8_up score_7_up dslr 35mm 50mm 85mm film grain vivid colors elegant smooth
  dramatic hdr10 lowres wallpaper very aesthetic newest amazing`,
);

/** Verbs of where and how somebody is, which are of the scene. */
export const postures: readonly string[] = list(
  `standing sitting lying walking running looking smiling posing kneeling leaning sleeping laughing dancing
  talking playing jumping resting waiting staring facing working eating reading swimming flying parked driving
  giving speaking crying riding`,
);

/** Nouns that end as verbs do. */
export const nounsOnIng: readonly string[] = list(
  `building painting drawing ring king thing wing spring string evening morning ceiling lightning clothing
  earring wedding being swing sibling duckling dumpling pudding viking sling rendering etching engraving
  lettering`,
);

/** What is worn: "in a suit" is no place. */
export const clothes: readonly string[] = list(
  `suit uniform dress coat clothes bikini swimsuit lingerie underwear costume armor armour jacket hat mask skirt
  shirt kimono hijab burka gown thong`,
);

/** What pictures are made with, named as a style: "a city, watercolor style". */
export const knownStyles: readonly string[] = list(
  `watercolor watercolour oil pencil ink charcoal pastel acrylic cartoon comic photographic realistic digital
  vintage retro vector pixel sketch painting painterly minimalist`,
);

/** Plurals that no ending tells. */
export const irregularPlurals: Readonly<Record<string, string>> = {
  men: 'man',
  women: 'woman',
  people: 'person',
  children: 'child',
  feet: 'foot',
  teeth: 'tooth',
  mice: 'mouse',
  geese: 'goose',
  knives: 'knife',
  wives: 'wife',
  lives: 'life',
  wolves: 'wolf',
  leaves: 'leaf',
  shelves: 'shelf',
  calves: 'calf',
  thieves: 'thief',
  elves: 'elf',
};
