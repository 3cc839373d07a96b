// What the server has: networks, photos, methods, measures. Looked up by name, never named here.

export class Catalogue {
  constructor(state) {
    this.take(state);
  }

  take(state) {
    this.state = state;
    this.photos = state.photos;
  }

  net(id) {
    return this.state.nets.find((one) => one.id === id) || this.state.nets[0];
  }

  otherNet(id, than) {
    const found = this.state.nets.find((one) => one.id === id && id !== than);
    return found || this.state.nets.find((one) => one.id !== than) || null;
  }

  photo(id) {
    return this.photos.find((one) => one.id === id) || null;
  }

  /** The photo whose id begins so. */
  photoBeginning(text) {
    return (text && this.photos.find((one) => one.id.startsWith(text))) || null;
  }

  method(name) {
    return this.state.methods.find((one) => one.name === name) || null;
  }

  metric(name) {
    return this.state.metrics.find((one) => one.name === name) || null;
  }

  inspection(name) {
    return this.state.inspect.find((one) => one.name === name) || null;
  }

  /** The function of `inspect` that gives something of this kind. */
  giving(kind) {
    return this.state.inspect.find((one) => one.gives === kind) || null;
  }

  /** A new or known photo; it is not listed twice. */
  addPhoto(photo) {
    if (!this.photo(photo.id)) this.photos = [...this.photos, photo];
  }

  dropPhoto(id) {
    this.photos = this.photos.filter((one) => one.id !== id);
  }

  /** The state of a page that has just been opened; a link names all of what may differ elsewhere. */
  defaults() {
    const first = this.state.default_methods.filter((name) => this.method(name));
    const usable = this.state.methods.find((one) => !one.problem);
    const net = this.state.nets[0];
    return {
      net: net ? net.id : null,
      net2: null,
      photo: this.photos.length ? this.photos[0].id : null,
      view: "map",
      layer: null,
      method: first[0] || (usable ? usable.name : null),
      methods: first.slice(0, 6),
      options: {},
      target: null,
      target2: null,
      drawing: {},
      compare: "overlay",
      unit: null,
      sort: "activation",
      page: 0,
      inside: null,
      arguments: {},
      metrics: [],
      metricOptions: {},
      controls: true,
      of: "map",
      box: null,
    };
  }

  /** What a link says, without what this server does not know; and sentences about what is missing. */
  understood(values) {
    const known = { ...values };
    const missing = [];
    const check = (name, exists, sentence) => {
      if (known[name] === undefined || known[name] === null || exists(known[name])) return;
      missing.push(sentence(known[name]));
      delete known[name];
    };
    check("net", (id) => this.state.nets.some((one) => one.id === id), () =>
      "The link is about another network than the one that is loaded.");
    check("net2", (id) => this.state.nets.some((one) => one.id === id), () =>
      "The second network of the link is not loaded.");
    check("method", (name) => this.method(name), (name) => `There is no method ${name} here.`);
    if (Array.isArray(known.methods)) known.methods = known.methods.filter((one) => this.method(one));
    else delete known.methods;
    if (Array.isArray(known.metrics)) known.metrics = known.metrics.filter((one) => this.metric(one));
    else delete known.metrics;
    if (known.photo) {
      const photo = this.photoBeginning(known.photo);
      if (photo) known.photo = photo.id;
      else missing.push("The photo of the link is not here: drop it onto this page to see the rest.");
    }
    return { known, missing };
  }
}
