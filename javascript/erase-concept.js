// Loaded by stable-diffusion-webui and its forks: gives the tab's page their theme, and shows in
// theirs the model that it has chosen.
onUiLoaded(() => {
  const frame = gradioApp().querySelector('#erase-concept-frame');
  if (!frame) return;
  frame.src = `erase-concept/?theme=${isDark(frame) ? 'dark' : 'light'}`;
});

// SD.Next's newer themes say it to the browser; its older ones only have light text.
function isDark(element) {
  const { color, colorScheme } = getComputedStyle(element);
  if (document.body.classList.contains('dark') || colorScheme === 'dark') return true;
  const [red, green, blue] = color.match(/\d+/g).map(Number);
  return red + green + blue > (3 * 255) / 2;
}

addEventListener('message', async ({ origin, data }) => {
  if (origin !== location.origin || data?.type !== 'erase-concept:model') return;
  if (typeof selectCheckpoint !== 'function') return;
  const refresh = gradioApp().querySelector('#forge_refresh_checkpoint');
  if (refresh) {
    // Forge's list shows no file that is new, until it is asked to look again.
    refresh.click();
    // Forge takes the first model whose name holds this one or is in it, for good.
    if (await couldBeAnother(data.model)) return;
  }
  // The web UI has it already, but its page goes on showing the one before.
  selectCheckpoint(data.model);
});

async function couldBeAnother(wanted) {
  const answer = await fetch('erase-concept/api/models');
  if (!answer.ok) return true;
  const names = (await answer.json()).map(({ name }) => name);
  return names.some((name) => name !== wanted && (name.includes(wanted) || wanted.includes(name)));
}
