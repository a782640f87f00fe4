// Shows the site's own OpenAPI document. Without validatorUrl: null, the viewer would send the document to swagger.io.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  presets: [SwaggerUIBundle.presets.apis],
});
