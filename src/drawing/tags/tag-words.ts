// Words that stand in the prompts of tag-style models, by what they do there. Sources:
// - Danbooru and e621, whose tags these models were trained on (danbooru.donmai.us/wiki_pages/tag_groups);
// - huggingface.co/Laxhar/noobai-XL-1.0: people, character, series, artists, special, general, other tags;
//   quality, aesthetic and year tags; ratings `general`, `sensitive`, `nsfw`, `explicit`;
// - huggingface.co/cagliostrolab/animagine-xl-4.0: people, character, series, rating, the rest, quality;
//   `high score`, `great score`; ratings `safe`, `sensitive`, `nsfw`, `explicit`;
// - civitai.com/models/257749 (Pony Diffusion V6 XL): `score_9` and others, `source_…`, `rating_…`;
// - huggingface.co/OnomaAIResearch/Illustrious-xl-early-release-v0: Danbooru tags and quality tags.

const list = (text: string) => text.split(',').map((word) => word.trim());

/** How many people there are: `1girl`, `2boys`, `6+girls`. */
export const peopleTag =
  /^(?:\d\+?(?:girl|boy|other|man|woman|female|male)s?|multiple (?:girls|boys|others)|solo|solo focus|(?:fe)?male focus|no humans|everyone|ambiguous gender|anthro|semi-anthro|feral|humanoid|human)$/;

/** A prompt without how many people there are, who are no children for being called girls. */
export function withoutPeople(prompt: string): string {
  return prompt.replaceAll(
    /(?<![\p{L}\p{N}])(?:\d\+?|multiple[ _])(?:girl|boy)s?(?![\p{L}\p{N}])/gu,
    ' ',
  );
}

/** Praise, and where or when a picture is from: it goes with any prompt. */
export const qualityTag =
  /^(?:score \d(?: up)?|source \w+|masterpiece|(?:best|amazing|great|good|normal|bad|low|worst|high|highest) quality|(?:high|great|good|average|bad|low) score|(?:very )?aesthetic|(?:very )?displeasing|(?:best|incredibly) aesthetic|absurdres|incredibly absurdres|highres|lowres|newest|recent|oldest|year ?\d{4}|ultra[ -]detailed|(?:extremely|highly|very|intricate) detailed?|detailed|ultra detailed|(?:8|4)k|uhd|hd|official art|general|safe|sensitive)$/;

/** Ratings; the stronger of them say what is shown. */
export const ratingTag =
  /^(?:rating ?[: ] ?)(?:general|safe|sensitive|questionable|explicit|nsfw|suggestive|g|s|q|e)$/;
export const explicitRating =
  /^(?:(?:rating ?[: ] ?)(?:questionable|explicit|nsfw|suggestive|q|e)|nsfw|explicit|questionable)$/;

/** Writing that is no part of what is shown. */
export const markTags: ReadonlySet<string> = new Set(
  list(
    `watermark, sample watermark, signature, artist name, artist logo, logo, username, twitter username,
    patreon username, instagram username, pixiv username, pixiv id, web address, patreon logo, twitter logo, dated,
    copyright name, copyright notice, character name, text, english text, japanese text, chinese text, korean text,
    stamp, too many watermarks, third-party watermark, weibo watermark, getty images, shutterstock, subtitled`,
  ),
);

/** Series, as they stand beside a character of theirs. */
export const seriesTags: ReadonlySet<string> = new Set(
  list(
    `vocaloid, touhou, fate (series), fate/stay night, fate/grand order, kantai collection, azur lane, genshin impact,
    honkai: star rail, honkai (series), honkai impact 3rd, zenless zone zero, wuthering waves, blue archive, arknights,
    girls' frontline, nikke, goddess of victory: nikke, idolmaster, love live!, love live! school idol project,
    bang dream!, hololive, nijisanji, vtuber, virtual youtuber, umamusume, princess connect!, granblue fantasy,
    fire emblem, final fantasy, final fantasy vii, persona, persona 5, pokemon, pokemon (game), digimon, naruto,
    naruto (series), boruto: naruto next generations, one piece, bleach, dragon ball, dragon ball z, jojo no kimyou na bouken,
    boku no hero academia, kimetsu no yaiba, jujutsu kaisen, shingeki no kyojin, chainsaw man, spy x family,
    oshi no ko, bocchi the rock!, sousou no frieren, neon genesis evangelion, evangelion, re:zero kara hajimeru isekai seikatsu,
    kono subarashii sekai ni shukufuku wo!, sword art online, lycoris recoil, k-on!, suzumiya haruhi no yuuutsu,
    bishoujo senshi sailor moon, cardcaptor sakura, mahou shoujo madoka magica, league of legends, overwatch, nier,
    nier:automata, nier (series), metroid, mario (series), super mario bros., the legend of zelda, sonic (series),
    resident evil, street fighter, tekken, guilty gear, xenoblade chronicles, splatoon, undertale, rwby,
    my little pony, avatar: the last airbender, dc comics, marvel, star wars, disney, frozen (disney), helltaker`,
  ),
);

const colours =
  'aqua|black|blonde|blue|brown|green|grey|gray|light|dark|orange|pink|purple|red|silver|white|yellow|multicolored|two-tone|gradient|streaked|rainbow|golden';

/** What somebody looks like, wears or does, and how the picture is cut: any prompt has some of it. */
export const traitTag = new RegExp(
  `^(?:${[
    `(?:(?:${colours}|long|short|medium|very long|very short|curly|wavy|straight|messy|shiny|wet|floating) )+(?:hair|eyes|skin)`,
    '(?:hair|eyes|eyelashes|bangs|blunt bangs|sidelocks|ahoge|twintails|ponytail|side ponytail|high ponytail|braids?|twin braids|bob cut|hair (?:ornament|ribbon|bow|bun|between eyes|over one eye)|heterochromia|pointy ears|animal ears|cat ears|dog ears|fox ears|cat girl|cat tail|tail|wings|horns|halo|fangs|freckles|mole|tan|dark-skinned (?:fe)?male|glasses|hairband)',
    '(?:small|medium|large|huge|gigantic|flat) (?:breasts|chest)|cleavage|midriff|navel|collarbone|bare shoulders|thighs|armpits|barefoot|feet',
    '(?:smile|blush|open mouth|closed mouth|closed eyes|one eye closed|expressionless|grin|tears|crying|angry|frown|:d|:o|>:\\(|looking at viewer|looking back|looking away|looking to the side|facing viewer)',
    '(?:standing|sitting|lying|kneeling|squatting|running|walking|jumping|on back|on side|on stomach|spread legs|arms up|arm up|hand up|hands on own hips|hand on own hip|v|peace sign|leaning forward|from (?:above|below|behind|side)|back|head tilt|crossed arms|dutch angle)',
    '(?:upper body|lower body|full body|cowboy shot|portrait|close-up|profile|pov|wide shot|depth of field|cropped|blurry|blurry background|lens flare|simple background|(?:white|black|grey|blue|pink|gradient) background|outdoors|indoors|day|night|sky|blue sky|cloud|sunset|sunlight|water|beach|city|forest|grass|tree|bed|chair|window|classroom|scenery|stage|concert|rain|snow|street|fantasy)',
    `(?:(?:${colours}|pleated|frilled|sleeveless|collared|striped|plaid) )*(?:dress|skirt|miniskirt|shirt|blouse|t-shirt|jacket|coat|hoodie|sweater|shorts|pants|jeans|suit|necktie|ribbon|bow|bowtie|hat|cap|beret|gloves|socks|thighhighs|kneehighs|pantyhose|stockings|shoes|boots|footwear|apron|kimono|yukata|hanfu|cape|scarf|choker|collar|belt|swimsuit|bikini|leotard|bodysuit|armor|uniform|bra|panties|underwear|lingerie)`,
    'school uniform|serafuku|school swimsuit|one-piece swimsuit|maid|maid headdress|military uniform|long sleeves|short sleeves|detached sleeves|wide sleeves|off shoulder|zettai ryouiki|jewelry|earrings|necklace|bracelet|frills|lace',
  ].join('|')})$`,
);

/** Of a medium or technique, which no concept is unless it stands alone. */
export const mediumTag =
  /^(?:.+ \((?:medium|artwork)\)|traditional media|digital media|sketch|lineart|line art|monochrome|greyscale|comic|manga|4koma|chibi|cover|illustration|anime coloring|flat color|pixel art|retro artstyle)$/;

/** What a word in brackets makes of the name before it; any other one is a character's series. */
export const bracketKinds: Readonly<Record<string, 'artist' | 'thing' | 'trait' | 'series'>> = {
  artist: 'artist',
  style: 'artist',
  series: 'series',
  ...Object.fromEntries(
    list(
      'weapon, object, food, fruit, animal, flower, plant, instrument, vehicle, symbol, place, creature',
    ).map((name) => [name, 'thing' as const]),
  ),
  ...Object.fromEntries(
    list('cosplay, clothes, costume, medium, artwork, meme, pose, phrase').map((name) => [
      name,
      'trait' as const,
    ]),
  ),
};

/** Artists whose tags models of this kind know, in small letters. */
export const artistTags: readonly string[] = list(
  `wlop, sakimichan, guweiz, krenz cushart, redjuice, ask (askzy), ciloranko, tianliang duohe fangdongye,
  sho (sho lwlw), rhasta, wanke, as109, atdan, konya karasue, ningen mame, rella, torino aqua, mika pikazo, hews,
  kantoku, yoneyama mai, lack, toi8, ebifurya, kawacy, quasarcake, modare, rurudo, anmi, tiv, fuzichoco, swd3e2,
  dsmile, ke-ta, reoen, ogipote, huke, lm7 (op-center), mika (mikapikazo), john kafka, pochi (pochi-goya),
  asanagi, cutesexyrobutts, ilya kuvshinov, yaegashi nan, oda eiichirou, toriyama akira, araki hirohiko,
  takeuchi takashi, shirow masamune, okama, range murata, yoshitomi akihito, mucha, alphonse mucha, greg rutkowski,
  artgerm, loish, ross tran, sam yang, kishida mel, shigure ui, kuroboshi kouhaku, nardack`,
);

const girls = list(
  `hatsune miku, kagamine rin, megurine luka, hakurei reimu, kirisame marisa, izayoi sakuya, artoria pendragon (fate),
  tohsaka rin, jeanne d'arc alter (fate), scathach (fate), raiden shogun, ganyu (genshin impact), hu tao (genshin impact),
  keqing (genshin impact), nahida (genshin impact), firefly (honkai: star rail), kafka (honkai: star rail),
  acheron (honkai: star rail), ellen joe, arona (blue archive), shiroko (blue archive), hoshino (blue archive),
  amiya (arknights), texas (arknights), gawr gura, houshou marine, usada pekora, hoshimachi suisei, rem (re:zero),
  emilia (re:zero), asuna (sao), frieren, fern (sousou no frieren), makima (chainsaw man), power (chainsaw man),
  yor briar, anya (spy x family), hoshino ai (oshi no ko), gotoh hitori, kita ikuyo, nishikigi chisato,
  souryuu asuka langley, ayanami rei, tsukino usagi, kinomoto sakura, kaname madoka, akemi homura, hyuuga hinata,
  haruno sakura, nami (one piece), kuchiki rukia, kamado nezuko, 2b (nier:automata), tifa lockhart, samus aran,
  princess zelda, princess peach, d.va (overwatch), ahri (league of legends), jinx (league of legends), marnie (pokemon),
  misty (pokemon), saber, saber (fate), elsa (frozen), harley quinn, wonder woman`,
);
const boys = list(
  `uzumaki naruto, uchiha sasuke, hatake kakashi, monkey d. luffy, roronoa zoro, son goku, vegeta, kurosaki ichigo,
  midoriya izuku, bakugou katsuki, todoroki shouto, kamado tanjirou, gojou satoru, itadori yuuji, levi (shingeki no kyojin),
  eren yeager, denji (chainsaw man), loid forger, kirito, lelouch vi britannia, edward elric, yagami light,
  kujo jotaro, dio brando, archer (fate), gilgamesh (fate), cu chulainn (fate), kagamine len, kaito (vocaloid),
  zhongli (genshin impact), xiao (genshin impact), tartaglia (genshin impact), dan heng (honkai: star rail),
  cloud strife, sephiroth, link, mario, sonic the hedgehog, ash ketchum, red (pokemon), leon s. kennedy,
  dante (devil may cry), ikari shinji, batman, spider-man, sanji (one piece), killua zoldyck, gon freecss`,
);
/** Characters whom these models know, by the people tag that they are drawn with. */
export const characterTags = { girls, boys } as const;

/** Things, animals and symbols. */
export const thingTags: readonly string[] = list(
  `sword, katana, gun, rifle, bow (weapon), polearm, staff, knife, axe, shield, umbrella, book, cup, mug, bottle, bag,
  backpack, phone, camera, guitar, microphone, headphones, chair, couch, bed, table, lamp, clock, lantern, candle,
  car, motorcycle, bicycle, train, airplane, boat, spacecraft, robot, mecha, cat, dog, rabbit, bird, horse, wolf, fox,
  bear, fish, butterfly, dragon, snake, flower, rose, sunflower, tree, leaf, mushroom, apple, strawberry, cake, bread,
  ice cream, cigarette, skull, castle, house, tower, bridge, torii, statue, fountain, balloon, ball, teddy bear,
  stuffed toy, mask, crown, ring, key, flag`,
);
