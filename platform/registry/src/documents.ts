/** The registry's interface as an OpenAPI document, made from its contract. */
export const openApi = {};
