/** Shipped beside the code: `templates` of the package, seen from src and from dist. */
export const templatesFolder = new URL('../templates/', import.meta.url)
