// @ts-check
// The first module of every process that this program starts. What a terminal or a service manager sends,
// on Ctrl-C, when it is closed, at a stop, reaches each process of the group: the one in front decides
// and sends a message, or is gone, which its processes are told too.
for (const name of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined);
