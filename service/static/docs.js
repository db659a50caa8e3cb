SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // The default asks a server on the internet to check the document.
  validatorUrl: null,
});
