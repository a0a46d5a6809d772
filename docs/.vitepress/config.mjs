import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitepress';

const docs = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const root = path.dirname(docs);
const { version, homepage } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const github = (homepage ?? 'https://github.com/emotion2vec-node/emotion2vec-node').replace(/#.*$/, '');

const guides = [
  ['Getting started', 'getting-started'],
  ['emotion2vec+', 'emotion2vec-plus'],
  ['Using the library in a server', 'serving'],
  ['The HTTP server and its page', 'http-server'],
  ['Devices and memory', 'devices'],
  ['Evaluating a model', 'evaluation'],
  ['Any TorchScript model', 'torchscript'],
  ['Troubleshooting', 'troubleshooting'],
];
const migrations = [
  ['FunASR', 'migrating-from-funasr'],
  ['Emotion2Vec+ Large WebUI', 'migrating-from-webui'],
  ['Hume Expression Measurement', 'migrating-from-hume'],
];
const references = [
  ['Library', 'library'],
  ['TorchScript runtime', 'torch'],
  ['Command line', 'cli'],
  ['HTTP API', 'http'],
  ['Errors', 'errors'],
  ['Environment variables', 'environment-variables'],
  ['Audio formats', 'audio-formats'],
  ['Benchmark', 'bench'],
];
/** The decisions, by their headings. */
const decisions = readdirSync(path.join(docs, 'decisions'))
  .filter((name) => /^\d+-.*\.md$/.test(name))
  .sort()
  .map((name) => {
    const [heading] = readFileSync(path.join(docs, 'decisions', name), 'utf8').split('\n');
    return [heading.replace(/^# /, ''), path.basename(name, '.md')];
  });
const section = (text, folder, pages) => ({
  text,
  items: pages.map(([title, page]) => ({ text: title, link: `/${folder}/${page}` })),
});

/**
 * Links in these pages are relative paths of files, so that they work on GitHub too. Those that lead out of docs/ become links
 * to the repository; a file that does not exist fails the build, as VitePress does for pages.
 */
function configureMarkdown(md) {
  // Vue would evaluate {{ }} in inline code.
  const code = md.renderer.rules.code_inline;
  md.renderer.rules.code_inline = (tokens, index, ...rest) => {
    tokens[index].attrSet('v-pre', '');
    return code(tokens, index, ...rest);
  };
  const open = md.renderer.rules.link_open;
  md.renderer.rules.link_open = (tokens, index, options, env, self) => {
    const href = tokens[index].attrGet('href');
    if (/^\.\.?\//.test(href)) {
      const [file] = href.split('#');
      const target = path.resolve(path.dirname(env.realPath ?? env.path), decodeURI(file));
      if (!existsSync(target)) throw new Error(`${env.relativePath} links to ${href}, which does not exist`);
      const fromRoot = path.relative(root, target);
      if (!fromRoot.startsWith('docs' + path.sep)) {
        tokens[index].attrSet('href', `${github}/blob/main/${fromRoot}${href.slice(file.length)}`);
      }
    }
    return open ? open(tokens, index, options, env, self) : self.renderToken(tokens, index, options);
  };
}

export default defineConfig({
  title: 'emotion2vec-node',
  description: 'Speech emotion recognition inside Node.js, on libtorch.',
  base: process.env.DOCS_BASE ?? '/',
  outDir: '../build/docs',
  cacheDir: '../build/vitepress',
  cleanUrls: true,
  rewrites: { 'README.md': 'index.md', ':dir/README.md': ':dir/index.md' },
  ignoreDeadLinks: [/^https?:\/\/localhost/, /^https?:\/\/127\.0\.0\.1/],
  markdown: { config: configureMarkdown },
  locales: {
    root: { label: 'English', lang: 'en' },
    zh: {
      label: '简体中文',
      lang: 'zh-CN',
      link: '/zh/',
      description: '在 Node.js 中运行的语音情感识别，基于 libtorch。',
      themeConfig: {
        nav: [
          { text: '快速开始', link: '/zh/getting-started' },
          { text: '参考（英文）', link: '/reference/library' },
        ],
        sidebar: [
          {
            text: '指南',
            items: [
              { text: '简介', link: '/zh/' },
              { text: '快速开始', link: '/zh/getting-started' },
            ],
          },
          {
            text: '英文文档',
            items: [
              { text: 'emotion2vec+', link: '/guide/emotion2vec-plus' },
              { text: 'HTTP 服务', link: '/guide/http-server' },
              { text: '从 FunASR 迁移', link: '/guide/migrating-from-funasr' },
              { text: '从 WebUI 迁移', link: '/guide/migrating-from-webui' },
              { text: '命令行', link: '/reference/cli' },
              { text: '库', link: '/reference/library' },
              { text: '故障排查', link: '/guide/troubleshooting' },
            ],
          },
        ],
        outline: { label: '本页目录' },
        docFooter: { prev: '上一页', next: '下一页' },
        darkModeSwitchLabel: '主题',
        lightModeSwitchTitle: '切换到浅色模式',
        darkModeSwitchTitle: '切换到深色模式',
        skipToContentLabel: '跳到正文',
        sidebarMenuLabel: '菜单',
        returnToTopLabel: '回到顶部',
        langMenuLabel: '切换语言',
      },
    },
  },
  themeConfig: {
    i18nRouting: false, // few pages are translated
    search: {
      provider: 'local',
      options: {
        locales: {
          zh: {
            translations: {
              button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
              modal: {
                noResultsText: '没有找到结果',
                resetButtonTitle: '清除',
                footer: { selectText: '选择', navigateText: '切换', closeText: '关闭' },
              },
            },
          },
        },
      },
    },
    nav: [
      { text: 'Guide', link: '/guide/getting-started', activeMatch: '/guide/' },
      { text: 'Reference', link: '/reference/library', activeMatch: '/reference/' },
      { text: 'Decisions', link: '/decisions/', activeMatch: '/decisions/' },
      { text: version, link: `${github}/blob/main/CHANGELOG.md` },
    ],
    sidebar: {
      '/decisions/': [section('Decisions', 'decisions', [['All decisions', ''], ...decisions])],
      '/': [
        section('Guide', 'guide', guides),
        section('Migrating from', 'guide', migrations),
        section('Reference', 'reference', references),
      ],
    },
    outline: [2, 3],
    socialLinks: [{ icon: 'github', link: github }],
  },
});
