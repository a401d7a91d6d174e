/** The lines of a text set off by so many levels; empty ones stay empty. */
export const indent = (text: string, depth = 1): string => text.replace(/^(?=.)/gm, "  ".repeat(depth));
