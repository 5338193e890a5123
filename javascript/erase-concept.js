// Loaded by stable-diffusion-webui and its forks: gives the tab's page their theme, and shows in
// theirs the model that it has chosen.
onUiLoaded(() => {
  const frame = gradioApp().querySelector('#erase-concept-frame');
  if (!frame) return;
  const theme = document.body.classList.contains('dark') ? 'dark' : 'light';
  frame.src = `erase-concept/?theme=${theme}`;
});

addEventListener('message', ({ origin, data }) => {
  if (origin !== location.origin || data?.type !== 'erase-concept:model') return;
  // Forge's list shows no file that is new, until it is asked to look again.
  gradioApp().querySelector('#forge_refresh_checkpoint')?.click();
  // The web UI has it already, but its page goes on showing the one before.
  if (typeof selectCheckpoint === 'function') selectCheckpoint(data.model);
});
