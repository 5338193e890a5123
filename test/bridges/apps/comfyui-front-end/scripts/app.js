// What extensions use of ComfyUI's front end.
const checkpointLoader = (id, value) => ({
  id,
  widgets: [{ name: 'ckpt_name', value, options: { values: [value] } }],
});

export const app = {
  commands: {},
  refreshes: 0,
  canvas: { selected_nodes: {} },
  graph: { nodes: [checkpointLoader(1, 'original.safetensors'), { id: 2 }] },
  extensionManager: {
    registerSidebarTab({ title, render }) {
      const button = document.createElement('button');
      button.textContent = title;
      button.onclick = () => {
        render(document.querySelector('#sidebar > div'));
      };
      document.querySelector('nav').append(button);
    },
    toast: {
      add({ detail }) {
        document.querySelector('output').textContent = detail;
      },
    },
  },
  registerExtension(extension) {
    for (const command of extension.commands ?? []) app.commands[command.id] = command.function;
    extension.setup?.();
  },
  async refreshComboInNodes() {
    app.refreshes += 1;
  },
};

globalThis.app = app;
